// Caddy with its standard modules, as the project's own main package has it. It is a module of its own, so that
// Plumbline's modules do not depend on Caddy.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func main() { caddycmd.Main() }
