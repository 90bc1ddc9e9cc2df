// Package demo sets up a demonstration through the control plane: a scoring API behind an application, an integration
// to poll it, two checks and 2,500 devices. It then shows each poll.
package demo
