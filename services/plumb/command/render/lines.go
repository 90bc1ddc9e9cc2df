package render

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

// Column is a column of [Lines]. Its width, in characters, is fixed because later rows are not known yet.
type Column struct {
	Title string
	Width int
}

// Col returns a column.
func Col(title string, width int) Column { return Column{Title: title, Width: width} }

// Lines writes a list while it is read, and does not keep it in memory: as rows of a table, as one JSON value per line,
// or as one YAML document per item.
type Lines struct {
	Limit   int // items at most; 0 means no limit
	format  string
	colour  bool
	columns []Column
	out     *bufio.Writer
	begun   bool
	count   int
	flushed time.Time
}

// NewLines returns a list that is written to the terminal's output.
func NewLines(t *cli.Terminal, o *Output, columns ...Column) *Lines {
	return &Lines{format: o.Format, colour: t.Colour, columns: columns, out: bufio.NewWriterSize(t.Out, 64<<10)}
}

// Line writes one item; cells are its columns. The item may stay in a buffer for a second, or until [Lines.Flush]. Line
// returns an error for an item beyond the limit.
func (l *Lines) Line(raw json.RawMessage, cells ...string) error {
	if l.Limit > 0 && l.count == l.Limit {
		return errLimit
	}
	l.count++
	var b bytes.Buffer
	switch l.format {
	case "table":
		if !l.begun {
			for i, c := range l.columns {
				writeCell(&b, c.Title, c.Width, i == len(l.columns)-1, false)
			}
		}
		for i, c := range l.columns {
			writeCell(&b, Clean(cells[i]), c.Width, i == len(l.columns)-1, l.colour)
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

// errLimit is returned by [Lines.Line] for an item beyond the limit.
var errLimit = errors.New("there are more items than the limit")

// Limited is the flag of lists that may be very long.
type Limited struct {
	Limit int `default:"1000" env:"-" help:"Number of lines at most. 0: all."`
}

// End ends a list after an error. If the error is that the limit was reached, End writes a note with the hint to t.Err
// and returns nil.
func (l *Lines) End(t *cli.Terminal, err error, hint string) error {
	flushed := l.Flush()
	if errors.Is(err, errLimit) {
		fmt.Fprintf(t.Err, "stopped after %d lines, there are more: %s, or use --limit 0 for all\n", l.Limit, hint)
		err = nil
	}
	return errors.Join(err, flushed)
}

// Flush writes the buffered items.
func (l *Lines) Flush() error { return l.out.Flush() }

func writeCell(b *bytes.Buffer, text string, width int, last, colour bool) {
	b.WriteString(Paint(text, colour))
	if last {
		b.WriteByte('\n')
		return
	}
	b.WriteString(strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text))+2))
}

// FollowEvery is how often a command that follows a log asks for new entries.
const FollowEvery = 2 * time.Second

// Repeat calls read once. If follow is set, it calls read again and again until ctx ends; after the first success, an
// error that may pass, such as while the control plane restarts, is written to t.Err and does not end it.
func Repeat(ctx context.Context, t *cli.Terminal, follow bool, read func(context.Context) error) error {
	for first := true; ; first = false {
		err := read(ctx)
		switch {
		case ctx.Err() != nil && follow:
			return nil
		case err != nil && (first || !follow || rejected(err)):
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
		case <-time.After(FollowEvery):
		}
	}
}

// rejected reports whether the control plane rejected the request, so that the same request fails again.
func rejected(err error) bool {
	answer, ok := errors.AsType[*client.Error](err)
	return ok && answer.Status < 500
}
