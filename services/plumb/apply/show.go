package apply

import (
	"encoding/json"
	"fmt"
	"strings"
)

var marks = map[Action]string{Create: "+", Update: "~", Delete: "-", Keep: "="}

// Lines returns a change as text: a summary, then a line for each changed member. Secrets are not shown.
func (c *Change) Lines() []string {
	lines := []string{fmt.Sprintf("%s %s %s", marks[c.Action], c.Action, c.Label())}
	if c.Note != "" {
		lines[0] += ": " + c.Note
	}
	for _, f := range c.Fields {
		switch {
		case f.Secret:
			lines = append(lines, fmt.Sprintf("    %s: from %s", f.Path, f.To))
		case c.Action == Create && f.Path == "name":
		case c.Action == Create:
			lines = append(lines, fmt.Sprintf("    %s: %s", f.Path, text(f.To)))
		case f.To == nil:
			lines = append(lines, fmt.Sprintf("    %s: %s → none", f.Path, text(f.From)))
		case f.From == nil:
			lines = append(lines, fmt.Sprintf("    %s: none → %s", f.Path, text(f.To)))
		default:
			lines = append(lines, fmt.Sprintf("    %s: %s → %s", f.Path, text(f.From), text(f.To)))
		}
	}
	return lines
}

// text returns a value on one line.
func text(v any) string {
	if s, ok := v.(string); ok {
		if s != "" && !strings.ContainsAny(s, "\" \n") {
			return s
		}
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return "?"
	}
	return strings.TrimSpace(b.String())
}

// Summary returns the numbers of changes as text.
func (p *Plan) Summary() string {
	create, change, remove := p.Pending()
	return fmt.Sprintf("%d to create, %d to change, %d to delete, %d unchanged", create, change, remove, p.Unchanged)
}
