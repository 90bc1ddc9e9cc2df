// Command plumb runs Plumbline in one process, and has the commands to use it.
package main

import (
	"os"

	"plumbline.dev/services/plumb/command"
)

func main() { os.Exit(command.Main()) }
