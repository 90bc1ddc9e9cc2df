// Package start has the screen Start here: the first steps with Plumbline, each with its state, the screen that does
// it, and the same step for the command line and for plumb apply.
package start
