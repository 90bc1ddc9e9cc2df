// Package consoleflags holds the flags of the console, for its own binary and for plumb up.
package consoleflags

import "plumbline.dev/services/console"

// Addr is the flag for the console's address.
type Addr struct {
	ConsoleAddr string `default:"127.0.0.1:8403" help:"Listen address of the console."`
}

// Flags are the flags of the console's own binary.
type Flags struct {
	Addr
	APIURL string `name:"api-url" default:"http://127.0.0.1:8400" help:"URL of the control plane." placeholder:"URL"`
}

// Config returns the console's configuration from the flags.
func (f *Flags) Config() console.Config {
	return console.Config{Addr: f.ConsoleAddr, APIURL: f.APIURL}
}
