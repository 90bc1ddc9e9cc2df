package command

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"plumbline.dev/services/internal/cli"
)

// table aligns columns of text; on a terminal, words that say how things stand are coloured.
type table struct {
	out    io.Writer
	colour bool
	rows   [][]string
}

func newTable(t *cli.Terminal) *table { return &table{out: t.Out, colour: t.Colour} }

func (t *table) row(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = clean(fmt.Sprint(c))
	}
	t.rows = append(t.rows, row)
}

func (t *table) flush() error {
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
			b.WriteString(paint(cell, t.colour))
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(t.out, b.String())
	return err
}

var colours = map[string]string{
	"pass": "\x1b[32m", "fail": "\x1b[31m", "unknown": "\x1b[33m",
	"ok": "\x1b[32m", "overdue": "\x1b[31m", "paused": "\x1b[33m", "failed": "\x1b[31m",
	unsupported: "\x1b[33m", "partly": "\x1b[33m",
}

func paint(word string, colour bool) string {
	if code, ok := colours[word]; ok && colour {
		return code + word + "\x1b[0m"
	}
	return word
}

// clean keeps what others wrote, names and hostnames, from steering the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || (r >= 0x7f && r < 0xa0) || r == '\u2028' || r == '\u2029' {
			return '·'
		}
		return r
	}, s)
}
