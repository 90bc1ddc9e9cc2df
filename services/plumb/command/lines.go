package command

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/document"
)

// column is one of a list that is written while it is read: its width is not known from what comes later.
type column struct {
	title string
	width int
}

// lines writes things one by one as they come, and keeps none: in a table, as JSON, a thing a line, or as
// YAML, a document each.
type lines struct {
	format  string // table, json or yaml
	colour  bool
	columns []column
	out     *bufio.Writer
	begun   bool
	limit   int // lines at most; 0: any number
	count   int
	flushed time.Time
}

func newLines(t *cli.Terminal, o *output, columns ...column) *lines {
	return &lines{format: o.Output, colour: t.Colour, columns: columns, out: bufio.NewWriterSize(t.Out, 64<<10)}
}

// line writes one thing; cells are what the columns say of it. It may wait in memory for a second while more
// come, and until [lines.flush].
func (l *lines) line(raw json.RawMessage, cells ...string) error {
	if l.limit > 0 && l.count == l.limit {
		return errLimit
	}
	l.count++
	var b bytes.Buffer
	switch l.format {
	case "table":
		if !l.begun {
			for i, c := range l.columns {
				cell(&b, c.title, c.width, i == len(l.columns)-1, false)
			}
		}
		for i, c := range l.columns {
			cell(&b, clean(cells[i]), c.width, i == len(l.columns)-1, l.colour)
		}
	case "yaml":
		text, err := document.YAML(raw)
		if err != nil {
			return err
		}
		b.WriteString("---\n")
		b.Write(text)
	default:
		if err := json.Compact(&b, raw); err != nil {
			return err
		}
		b.WriteByte('\n')
	}
	l.begun = true
	_, err := l.out.Write(b.Bytes())
	if now := time.Now(); err == nil && now.Sub(l.flushed) > time.Second {
		l.flushed = now
		err = l.out.Flush()
	}
	return err
}

// errLimit is returned by [lines.line] for what is past the limit.
var errLimit = errors.New("there are more lines than the limit")

// limited are the flags of lists that could go on for minutes.
type limited struct {
	Limit int `default:"1000" env:"-" help:"How many lines at most; 0: all."`
}

// end ends a list of lines; err is why it ended. If lines were left out, the person is told how to see them.
func (l *lines) end(t *cli.Terminal, err error, rest string) error {
	flushed := l.flush()
	if errors.Is(err, errLimit) {
		fmt.Fprintf(t.Err, "stopped after %d lines, there are more: %s, or --limit 0 for all\n", l.limit, rest)
		err = nil
	}
	return errors.Join(err, flushed)
}

func (l *lines) flush() error { return l.out.Flush() }

func cell(b *bytes.Buffer, text string, width int, last, colour bool) {
	b.WriteString(paint(text, colour))
	if last {
		b.WriteByte('\n')
		return
	}
	b.WriteString(strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text))+2))
}

// repeat reads once, or again and again until ctx ends: what came since each time. Once it was read, a control
// plane that does not answer, as while it starts anew, does not end it.
func repeat(ctx context.Context, t *cli.Terminal, follow bool, read func(context.Context) error) error {
	for first := true; ; first = false {
		err := read(ctx)
		switch {
		case ctx.Err() != nil && follow:
			return nil
		case err != nil && (first || !follow || refused(err)):
			return err
		case err != nil:
			fmt.Fprintf(t.Err, "%s: %v\n", time.Now().Format(time.TimeOnly), err)
		}
		if !follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
	}
}

// refused tells an error that asking again does not change.
func refused(err error) bool {
	var e *client.Error
	return errors.As(err, &e) && e.Status < 500
}
