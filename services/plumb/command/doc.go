// Package command is the command line of plumb: the all-in-one, the demo, the commands that speak to a
// control plane, and those that prepare a stack.
package command
