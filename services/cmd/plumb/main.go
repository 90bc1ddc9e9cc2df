// Command plumb is all of Plumbline in one process, and the commands to use it.
package main

import (
	"os"

	"plumbline.dev/services/plumb/command"
)

func main() { os.Exit(command.Main()) }
