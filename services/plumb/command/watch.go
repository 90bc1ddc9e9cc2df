package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

// reading are the flags of a command that changes nothing.
type reading struct {
	output
	Watch bool          `short:"w" env:"-" help:"Go on, and show it again whenever it became another, until interrupted."`
	Every time.Duration `default:"2s" env:"-" help:"With --watch: how often to look, 500ms at least."`
}

// leastEvery bounds how often a control plane is asked.
const leastEvery = 500 * time.Millisecond

// view is what was read: the value for JSON and YAML, and how it looks in a table.
type view struct {
	value any
	table func(*table)
}

// run shows what read gives, once or until ctx ends. Once it was shown, an answer that fails to come, as
// while the control plane starts anew, does not end a watch.
func (r *reading) run(ctx context.Context, t *cli.Terminal, read func(context.Context) (view, error)) error {
	if r.Every < leastEvery {
		return cli.Usage("--every is at least %v", leastEvery)
	}
	s := screen{out: t.Out, terminal: t.OutTTY && r.Watch}
	for shown := false; ; {
		v, err := read(ctx)
		var refused *client.Error
		switch {
		case ctx.Err() != nil && r.Watch:
			return nil
		case err != nil && (!shown || errors.As(err, &refused) && refused.Status < 500):
			return err
		case err != nil:
			fmt.Fprintf(t.Err, "%s: %v\n", time.Now().Format(time.TimeOnly), err)
		default:
			text, err := r.text(t, v.value, v.table)
			if err == nil && r.Watch && r.Output == "yaml" && !t.OutTTY {
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

// screen shows texts one after the other: on a terminal in the same place, else below one another. One that
// is the same as before is not shown again.
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
	default: // home, each line to its end, then what is left of the text before
		out = append([]byte("\x1b[H"), bytes.ReplaceAll(text, []byte("\n"), []byte("\x1b[K\n"))...)
		out = append(out, "\x1b[J"...)
	}
	s.last = append([]byte{}, text...)
	_, err := s.out.Write(out)
	return err
}
