package cli

import (
	"cmp"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"
)

// Terminal is where a command reads and writes.
type Terminal struct {
	In       io.Reader
	Out, Err io.Writer
	// InTTY, OutTTY and ErrTTY tell that a person is there: questions, a progress bar and secrets go to no
	// file.
	InTTY, OutTTY, ErrTTY bool
	// Colour tells that what is written to Out may be coloured.
	Colour bool
}

// Standard is the process's own terminal. There are colours where a person watches who has not said otherwise
// by NO_COLOR (no-color.org), on a terminal that has them.
func Standard() *Terminal {
	out := term.IsTerminal(int(os.Stdout.Fd()))
	return &Terminal{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		InTTY: term.IsTerminal(int(os.Stdin.Fd())), OutTTY: out, ErrTTY: term.IsTerminal(int(os.Stderr.Fd())),
		Colour: out && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
	}
}

// Invocation returns how a person calls this program again: its name, or go run if that is how it was started, which
// leaves no binary behind.
func Invocation(name string) string {
	if path, err := os.Executable(); err == nil && strings.Contains(path, string(filepath.Separator)+"go-build") {
		return "go run ./services/cmd/" + name
	}
	return name
}

// Editor is the command line of the editor that the person wants; empty where none was named.
func Editor() string { return cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR")) }

// ConfigFile is where a person's settings for a program are: in XDG_CONFIG_HOME, else ~/.config.
func ConfigFile(program, name string) (string, error) {
	dir, err := os.UserConfigDir()
	return filepath.Join(dir, program, name), err
}

// Variable reads a variable of the environment that a file of the user's names.
func Variable(name string) (string, bool) { return os.LookupEnv(name) }
