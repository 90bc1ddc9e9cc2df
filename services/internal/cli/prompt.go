package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"
)

// ErrNoTerminal is returned by prompts if nobody is there to answer.
var ErrNoTerminal = errors.New("no terminal to ask on")

// Interactive reports whether a person can be asked.
func (t *Terminal) Interactive() bool { return t.InTTY && t.ErrTTY }

// Ask writes a question and returns the line that is typed, without white space at its ends. It returns the cause of
// ctx's end, SIGINT's mostly, without waiting for the line; the process is expected to end then, since the read goes on.
func (t *Terminal) Ask(ctx context.Context, question string) (string, error) {
	if !t.Interactive() {
		return "", ErrNoTerminal
	}
	fmt.Fprint(t.Err, question)
	return t.await(ctx, func() (string, error) { return bufio.NewReader(t.In).ReadString('\n') })
}

// AskSecret is [Terminal.Ask] for text that is not shown while it is typed. The terminal shows what is typed again
// when AskSecret returns, also after an interrupt.
func (t *Terminal) AskSecret(ctx context.Context, question string) (string, error) {
	in, isFile := t.In.(*os.File)
	if !isFile || !t.Interactive() {
		return "", ErrNoTerminal
	}
	fd := int(in.Fd()) // once: the reader that is left behind at an interrupt uses the file still
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	defer func() { _ = term.Restore(fd, before) }()
	fmt.Fprint(t.Err, question)
	text, err := t.await(ctx, func() (string, error) {
		typed, err := term.ReadPassword(fd)
		return string(typed), err
	})
	if ctx.Err() == nil {
		fmt.Fprintln(t.Err) // the line feed that was typed is not shown either
	}
	return text, err
}

func (t *Terminal) await(ctx context.Context, read func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		text, err := read()
		typed <- answer{strings.TrimSpace(text), err}
	}()
	select {
	case a := <-typed:
		return a.text, a.err
	case <-ctx.Done():
		fmt.Fprintln(t.Err)
		return "", context.Cause(ctx)
	}
}

// Confirm asks a yes-or-no question; anything but y or yes means no.
func (t *Terminal) Confirm(ctx context.Context, question string) (bool, error) {
	text, err := t.Ask(ctx, question+" [y/N] ")
	if err != nil {
		return false, err
	}
	answer := strings.ToLower(text)
	return answer == "y" || answer == "yes", nil
}
