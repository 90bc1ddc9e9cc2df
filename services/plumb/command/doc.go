// Package command is the command line of plumb: its grammar, its completion and its exit codes. The commands are in the
// packages below it.
package command
