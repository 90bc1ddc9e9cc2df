package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Terminal is where a command reads and writes.
type Terminal struct {
	In       io.Reader
	Out, Err io.Writer
	// OutTTY and ErrTTY tell that a person watches: colours, a progress bar and secrets go to no file.
	OutTTY, ErrTTY bool
}

// Standard is the process's own terminal.
func Standard() *Terminal {
	return &Terminal{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		OutTTY: term.IsTerminal(int(os.Stdout.Fd())), ErrTTY: term.IsTerminal(int(os.Stderr.Fd())),
	}
}
