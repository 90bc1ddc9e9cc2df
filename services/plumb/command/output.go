package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/document"
)

// output is how a command shows what it was told.
type output struct {
	Output string `short:"o" enum:"table,json,yaml" default:"table" help:"${enum}. json and yaml have all that the control plane said."`
}

// show writes v as the output says: as JSON, as YAML, or by table.
func (o *output) show(t *cli.Terminal, v any, table func(*table)) error {
	text, err := o.text(t, v, table)
	if err != nil {
		return err
	}
	_, err = t.Out.Write(text)
	return err
}

func (o *output) text(t *cli.Terminal, v any, table func(*table)) ([]byte, error) {
	var b bytes.Buffer
	if o.Output == "table" {
		tab := newTable(t)
		tab.out = &b
		table(tab)
		err := tab.flush()
		return b.Bytes(), err
	}
	if err := writeJSON(&b, v); err != nil || o.Output == "json" {
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

// objectRows show an object that the commands know nothing of, a line for each member that says something.
func objectRows(tab *table, raw json.RawMessage) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return
	}
	for d.More() {
		name, _ := d.Token()
		var v json.RawMessage
		if d.Decode(&v) != nil {
			return
		}
		var text string
		if json.Unmarshal(v, &text) != nil {
			text = string(v)
		}
		if text != "" && text != "null" {
			tab.row(strings.ReplaceAll(fmt.Sprint(name), "_", " "), text)
		}
	}
}
