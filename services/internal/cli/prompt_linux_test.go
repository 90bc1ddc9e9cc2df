package cli

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// An interrupt ends every prompt at once and restores the echo of the terminal.
func TestPromptsEndWithTheirContext(t *testing.T) {
	for name, ask := range map[string]func(*Terminal, context.Context) error{
		"Ask":       func(term *Terminal, ctx context.Context) error { _, err := term.Ask(ctx, "Name: "); return err },
		"AskSecret": func(term *Terminal, ctx context.Context) error { _, err := term.AskSecret(ctx, "Secret: "); return err },
		"Confirm":   func(term *Terminal, ctx context.Context) error { _, err := term.Confirm(ctx, "Delete?"); return err },
	} {
		t.Run(name, func(t *testing.T) {
			master, terminal, err := pty.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer master.Close()
			defer terminal.Close()
			fd := int(terminal.Fd())
			interrupted := errors.New("interrupted")
			ctx, cancel := context.WithCancelCause(t.Context())
			asked := &firstWrite{then: func() { cancel(interrupted) }}
			term := &Terminal{In: terminal, Out: io.Discard, Err: asked, InTTY: true, ErrTTY: true}
			if err := ask(term, ctx); !errors.Is(err, interrupted) {
				t.Errorf("got %v", err)
			}
			state, err := unix.IoctlGetTermios(fd, unix.TCGETS)
			if err != nil || state.Lflag&unix.ECHO == 0 {
				t.Errorf("the terminal is left without echo: %v", err)
			}
		})
	}
}

func TestPrompts(t *testing.T) {
	master, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer terminal.Close()
	var shown strings.Builder
	term := &Terminal{In: terminal, Err: &shown, InTTY: true, ErrTTY: true}
	if _, err := io.WriteString(master, "yes\n"); err != nil {
		t.Fatal(err)
	}
	if yes, err := term.Confirm(t.Context(), "Delete?"); !yes || err != nil {
		t.Errorf("%v, %v", yes, err)
	}
	if shown.String() != "Delete? [y/N] " {
		t.Errorf("asked %q", shown.String())
	}
	nobody := &Terminal{In: strings.NewReader("yes\n"), Err: io.Discard}
	if _, err := nobody.Ask(t.Context(), "?"); !errors.Is(err, ErrNoTerminal) {
		t.Errorf("without a terminal: %v", err)
	}
}

// firstWrite calls then once something was written: the question is asked.
type firstWrite struct{ then func() }

func (f *firstWrite) Write(b []byte) (int, error) {
	f.then()
	return len(b), nil
}
