package render

import (
	"bytes"
	"encoding/json"
	"io"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/document"
)

// Output is the flag for the format of a command's output.
type Output struct {
	Format string `name:"output" short:"o" enum:"table,json,yaml" default:"table" help:"Output format: ${enum}. json and yaml have every member of the answer."`
}

// Rows adds the rows of a value to a table.
type Rows func(*Table)

// Show writes v in the format of the flag. rows is used for the format table only.
func (o *Output) Show(t *cli.Terminal, v any, rows Rows) error {
	text, err := o.text(t, v, rows)
	if err != nil {
		return err
	}
	_, err = t.Out.Write(text)
	return err
}

func (o *Output) text(t *cli.Terminal, v any, rows Rows) ([]byte, error) {
	var b bytes.Buffer
	if o.Format == "table" {
		tab := NewTable(t)
		tab.out = &b
		rows(tab)
		err := tab.Flush()
		return b.Bytes(), err
	}
	if err := writeJSON(&b, v); err != nil || o.Format == "json" {
		return b.Bytes(), err
	}
	return document.YAML(b.Bytes())
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
