// Package remote connects a command to a control plane: which one the flags name, and the exit codes of its errors.
package remote
