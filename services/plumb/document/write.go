package document

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// leading lists the members that come first in a spec. The others are sorted by name.
var leading = []string{"type", "decision", "interval", "domain"}

// Write returns documents as YAML.
func Write(docs ...Document) ([]byte, error) {
	nodes := make([]*yaml.Node, 0, len(docs))
	for _, d := range docs {
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", HeadComment: comment(d.Comment)}
		member(n, "kind", d.Kind)
		if d.Name != "" {
			member(n, "name", d.Name)
		}
		if len(d.Spec) > 0 {
			spec, err := ordered(d.Spec)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, text("spec"), spec)
		}
		nodes = append(nodes, n)
	}
	return encode(nodes...)
}

// comment returns lines as a YAML comment. Characters that YAML does not allow, or takes for the end of a line, are
// replaced, since a comment may quote a name from elsewhere.
func comment(lines []string) string {
	printable := make([]string, len(lines))
	for i, line := range lines {
		printable[i] = strings.Map(func(r rune) rune {
			if unicode.IsPrint(r) {
				return r
			}
			return unicode.ReplacementChar
		}, line)
	}
	return strings.Join(printable, "\n")
}

func member(n *yaml.Node, name, value string) {
	n.Content = append(n.Content, text(name), text(value))
}

func ordered(v any) (*yaml.Node, error) {
	switch v := v.(type) {
	case map[string]any:
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		names := slices.SortedFunc(maps.Keys(v), func(a, b string) int {
			if x, y := rank(a), rank(b); x != y {
				return x - y
			}
			return strings.Compare(a, b)
		})
		for _, name := range names {
			child, err := ordered(v[name])
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, text(name), child)
		}
		if len(names) == 0 {
			n.Style = yaml.FlowStyle
		}
		return n, nil
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, one := range v {
			child, err := ordered(one)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, child)
		}
		if len(v) == 0 {
			n.Style = yaml.FlowStyle
		}
		return n, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return Node(b)
}

func rank(name string) int {
	if n := slices.Index(leading, name); n >= 0 {
		return n
	}
	return len(leading)
}
