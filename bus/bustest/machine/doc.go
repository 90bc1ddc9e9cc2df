// Package machine isolates tests from the machine they run on: it finds free addresses, and measures durations
// without the delays caused by a busy machine.
package machine
