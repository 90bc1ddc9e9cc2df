// Package machine is what tests ask of the machine that they run on: addresses, and how long something takes
// that is not the machine's own fault.
package machine
