// Package contexts keeps the control planes that a person works with, by names: where each is, which account,
// and the token or where it is. The file has mode 0600.
package contexts
