package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"plumbline.dev/services/internal/cli"
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
	*output
	t       *cli.Terminal
	columns []column
	begun   bool
}

// line writes one thing; cells are what the columns say of it.
func (l *lines) line(thing json.Marshaler, cells ...string) error {
	if l.Output == "table" {
		var b strings.Builder
		if !l.begun {
			for i, c := range l.columns {
				cell(&b, c.title, c.width, i == len(l.columns)-1, false)
			}
		}
		l.begun = true
		for i, c := range l.columns {
			cell(&b, clean(cells[i]), c.width, i == len(l.columns)-1, l.t.Colour)
		}
		_, err := io.WriteString(l.t.Out, b.String())
		return err
	}
	text, err := json.Marshal(thing)
	if err != nil {
		return err
	}
	if l.Output == "yaml" {
		if text, err = document.YAML(text); err != nil {
			return err
		}
		_, err = fmt.Fprintf(l.t.Out, "---\n%s", text)
		return err
	}
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err = l.t.Out.Write(b.Bytes())
	return err
}

func cell(b *strings.Builder, text string, width int, last, colour bool) {
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
