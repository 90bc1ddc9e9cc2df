package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// ErrNoTerminal is returned by prompts without an interactive terminal.
var ErrNoTerminal = errors.New("no terminal to ask on")

// Interactive reports whether a person can be asked.
func (t *Terminal) Interactive() bool { return t.InTTY && t.ErrTTY }

// Ask writes a question and returns the typed line, trimmed. If ctx ends, usually by SIGINT, it returns the cause
// without waiting for the line. The process should exit then, because the read continues.
func (t *Terminal) Ask(ctx context.Context, question string) (string, error) {
	if !t.Interactive() {
		return "", ErrNoTerminal
	}
	fmt.Fprint(t.Err, question)
	return t.await(ctx, func() (string, error) { return bufio.NewReader(t.In).ReadString('\n') })
}

// AskSecret is [Terminal.Ask] without echo. It restores the echo when it returns, even after an interrupt.
func (t *Terminal) AskSecret(ctx context.Context, question string) (string, error) {
	in, isFile := t.In.(*os.File)
	if !isFile || !t.Interactive() {
		return "", ErrNoTerminal
	}
	fd := int(in.Fd()) // once: after an interrupt the abandoned reader still uses the file
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	defer func() {
		if ctx.Err() != nil {
			awaitSilence(fd, before)
		}
		_ = term.Restore(fd, before)
	}()
	fmt.Fprint(t.Err, question)
	text, err := t.await(ctx, func() (string, error) {
		typed, err := term.ReadPassword(fd)
		return string(typed), err
	})
	if ctx.Err() == nil {
		fmt.Fprintln(t.Err) // the typed line feed is not echoed either
	}
	return text, err
}

// awaitSilence waits until the abandoned reader has switched the echo off, for at most 100 ms: a reader that does so
// after the echo was restored would leave the terminal without echo.
func awaitSilence(fd int, before *term.State) {
	for range 100 {
		if now, err := term.GetState(fd); err != nil || *now != *before {
			return
		}
		<-time.After(time.Millisecond)
	}
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
