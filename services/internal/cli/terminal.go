package cli

import (
	"cmp"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"
)

// Terminal holds the input and output of a command.
type Terminal struct {
	In       io.Reader
	Out, Err io.Writer
	// InTTY, OutTTY and ErrTTY report interactive streams: questions, a progress bar and secrets are not written to
	// files.
	InTTY, OutTTY, ErrTTY bool
	// Colour reports whether output to Out may be coloured.
	Colour bool
}

// Standard returns the process's own terminal. Output is coloured on a terminal with colours, unless NO_COLOR is set
// (no-color.org).
func Standard() *Terminal {
	out := term.IsTerminal(int(os.Stdout.Fd()))
	return &Terminal{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		InTTY: term.IsTerminal(int(os.Stdin.Fd())), OutTTY: out, ErrTTY: term.IsTerminal(int(os.Stderr.Fd())),
		Colour: out && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
	}
}

// Invocation returns the command for calling this program again: its name, or go run if it was started that way and
// left no binary behind.
func Invocation(name string) string {
	if path, err := os.Executable(); err == nil && strings.Contains(path, string(filepath.Separator)+"go-build") {
		return "go run ./services/cmd/" + name
	}
	return name
}

// Editor returns the command line of the preferred editor; empty if none is set.
func Editor() string { return cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR")) }

// ConfigFile returns the path of a program's settings: in XDG_CONFIG_HOME, else ~/.config.
func ConfigFile(program, name string) (string, error) {
	dir, err := os.UserConfigDir()
	return filepath.Join(dir, program, name), err
}

// Variable returns an environment variable named in a user's file.
func Variable(name string) (string, bool) { return os.LookupEnv(name) }
