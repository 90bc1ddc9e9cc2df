// Package bodytemplate renders the body of a webhook from a template of the operator, such as a message for Slack.
//
// A template is Go's text/template over the event's JSON. It cannot run for ever or fill the memory: its size, its
// steps, the length of every text it makes and its output are bounded. The bounds count, so that a template behaves
// alike on every machine.
package bodytemplate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/template"
)

// Bounds of a template.
const (
	MaxSource = 8 << 10  // of the template, in bytes
	MaxOutput = 20 << 10 // of a rendered body, in bytes
	maxText   = 20 << 10 // of a text made by a function, in bytes
	maxSteps  = 20_000   // of one rendering: each turn of a loop, text, branch and call of a function is a step
	maxDepth  = 100      // of templates that call templates
)

// Template is a parsed template. It is safe for concurrent use.
type Template struct{ parsed *template.Template }

// The errors of a rendering that exceeds a bound.
var (
	ErrSteps  = fmt.Errorf("the template takes more than %d steps", maxSteps)
	ErrOutput = fmt.Errorf("the template makes more than %d bytes", MaxOutput)
	ErrText   = fmt.Errorf("the template makes a text of more than %d bytes", maxText)
	ErrJSON   = errors.New("the template does not make valid JSON; the function json quotes a value")
)

// Parse parses a template. Its errors contain parts of the template.
func Parse(source string) (*Template, error) {
	if len(source) > MaxSource {
		return nil, fmt.Errorf("the template has %d bytes, at most %d allowed", len(source), MaxSource)
	}
	t, err := template.New("body").Option("missingkey=zero").Funcs(functions()).Funcs(counter(nil)).Parse(source)
	if err != nil {
		return nil, err
	}
	for _, one := range t.Templates() {
		if one.Tree == nil || one.Root == nil {
			continue
		}
		if err := check(one.Root, 0); err != nil {
			return nil, err
		}
		count(one.Root)
	}
	return &Template{t}, nil
}

// Render renders an event's JSON. The result is valid JSON.
func (t *Template) Render(event []byte) ([]byte, error) {
	var data map[string]any
	d := json.NewDecoder(bytes.NewReader(event))
	d.UseNumber()
	if err := d.Decode(&data); err != nil {
		return nil, fmt.Errorf("event: %w", err)
	}
	run, err := t.parsed.Clone()
	if err != nil {
		return nil, err
	}
	out := &limited{left: MaxOutput}
	if err := run.Funcs(counter(new(int))).Execute(out, data); err != nil {
		for _, known := range []error{ErrSteps, ErrOutput, ErrText} {
			if errors.Is(err, known) {
				return nil, known
			}
		}
		return nil, err
	}
	if !json.Valid(out.Bytes()) {
		return nil, ErrJSON
	}
	return out.Bytes(), nil
}

// limited is a buffer with a bound.
type limited struct {
	bytes.Buffer
	left int
}

var _ io.Writer = (*limited)(nil)

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, ErrOutput
	}
	return l.Buffer.Write(p)
}
