package render

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"plumbline.dev/services/internal/cli"
)

// Reading are the flags of a command that changes nothing.
type Reading struct {
	Output
	Watch bool          `short:"w" env:"-" help:"Show the result again whenever it changes, until interrupted."`
	Every time.Duration `default:"2s" env:"-" help:"With --watch: time between two requests, at least 500ms."`
}

// leastEvery is the shortest time between two requests of a watch.
const leastEvery = 500 * time.Millisecond

// Present shows the value that read returns, once, or with --watch until ctx ends. After the first success, an error
// that may pass, such as while the control plane restarts, is written to t.Err and does not end a watch.
func (r *Reading) Present(ctx context.Context, t *cli.Terminal, read func(context.Context) (any, Rows, error)) error {
	if r.Every < leastEvery {
		return cli.Usage("--every must be at least %v", leastEvery)
	}
	s := screen{out: t.Out, terminal: t.OutTTY && r.Watch}
	for shown := false; ; {
		v, rows, err := read(ctx)
		switch {
		case ctx.Err() != nil && r.Watch:
			return nil
		case err != nil && (!shown || rejected(err)):
			return err
		case err != nil:
			fmt.Fprintf(t.Err, "%s: %v\n", time.Now().Format(time.TimeOnly), err)
		default:
			text, err := r.text(t, v, rows)
			if err == nil && r.Watch && r.Format == "yaml" && !t.OutTTY {
				text = append([]byte("---\n"), text...)
			}
			if err == nil {
				err = s.show(text)
			}
			if err != nil {
				return err
			}
			shown = true
		}
		if !r.Watch {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(r.Every):
		}
	}
}

// screen shows one text after another: on a terminal in the same place, otherwise one below the other. A text that
// equals the previous one is not written again.
type screen struct {
	out      io.Writer
	terminal bool
	last     []byte
}

func (s *screen) show(text []byte) error {
	if s.last != nil && bytes.Equal(text, s.last) {
		return nil
	}
	out := text
	switch {
	case !s.terminal:
	case s.last == nil:
		out = append([]byte("\x1b[H\x1b[2J"), text...)
	default: // the cursor goes home; each line, then the rest of the screen, is erased after it is written
		out = append([]byte("\x1b[H"), bytes.ReplaceAll(text, []byte("\n"), []byte("\x1b[K\n"))...)
		out = append(out, "\x1b[J"...)
	}
	s.last = append([]byte{}, text...)
	_, err := s.out.Write(out)
	return err
}
