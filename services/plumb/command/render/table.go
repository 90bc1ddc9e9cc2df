package render

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"plumbline.dev/services/internal/cli"
)

// Table aligns columns of text. On a terminal, words for a state are coloured.
type Table struct {
	out    io.Writer
	colour bool
	rows   [][]string
}

// NewTable returns an empty table that is written to the terminal's output.
func NewTable(t *cli.Terminal) *Table { return &Table{out: t.Out, colour: t.Colour} }

// Row adds a row. Control characters in the cells are replaced.
func (t *Table) Row(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = Clean(fmt.Sprint(c))
	}
	t.rows = append(t.rows, row)
}

// Flush writes the rows.
func (t *Table) Flush() error {
	var width []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range t.rows {
		for i, cell := range row {
			b.WriteString(Paint(cell, t.colour))
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(t.out, b.String())
	return err
}

// Unsupported is the state of a resource that the control plane stores but does not serve, poll or evaluate.
const Unsupported = "unsupported"

// Partly is the state of a resource that has unsupported settings among supported ones.
const Partly = "partly"

var colours = map[string]string{
	"pass": "\x1b[32m", "fail": "\x1b[31m", "unknown": "\x1b[33m",
	"ok": "\x1b[32m", "overdue": "\x1b[31m", "paused": "\x1b[33m", "failed": "\x1b[31m",
	Unsupported: "\x1b[33m", Partly: "\x1b[33m",
}

// Paint returns a word in the colour of its state, if colour is set and the word is a state.
func Paint(word string, colour bool) string {
	if code, ok := colours[word]; ok && colour {
		return code + word + "\x1b[0m"
	}
	return word
}

// Clean replaces control characters and line separators: a name that a client chose must not control the terminal.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || (r >= 0x7f && r < 0xa0) || r == '\u2028' || r == '\u2029' {
			return '·'
		}
		return r
	}, s)
}

// OrDash returns s, or a dash if s is empty.
func OrDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// Noted returns s with a note in brackets, or s if there is no note.
func Noted(s, note string) string {
	if note == "" {
		return s
	}
	return s + " (" + note + ")"
}

// Number returns n, or a dash if n is nil.
func Number(n *int) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprint(*n)
}
