package document

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// maxNodes is the largest number of nodes of a document with its aliases expanded.
const maxNodes = 1 << 20

// reader converts YAML nodes to the types of encoding/json: map[string]any, []any, string, bool, nil, and json.Number
// for numbers. Times and binary values stay strings.
type reader struct{ left int }

func (r *reader) value(n *yaml.Node) (any, error) {
	if r.left--; r.left < 0 {
		return nil, errors.New("the document is too large with its aliases expanded")
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return r.value(n.Content[0])
	case yaml.AliasNode:
		return r.value(n.Alias)
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, c := range n.Content {
			var err error
			if list[i], err = r.value(c); err != nil {
				return nil, err
			}
		}
		return list, nil
	case yaml.MappingNode:
		return r.object(n)
	}
	return scalar(n)
}

func (r *reader) object(n *yaml.Node) (any, error) {
	object := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i]
		if name.Kind != yaml.ScalarNode || name.ShortTag() == "!!merge" {
			return nil, fmt.Errorf("line %d: must be name: value", name.Line)
		}
		if _, twice := object[name.Value]; twice {
			return nil, fmt.Errorf("line %d: duplicate member %q", name.Line, name.Value)
		}
		v, err := r.value(n.Content[i+1])
		if err != nil {
			return nil, err
		}
		object[name.Value] = v
	}
	return object, nil
}

func scalar(n *yaml.Node) (any, error) {
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		var b bool
		err := n.Decode(&b)
		return b, err
	case "!!int", "!!float":
		return number(n)
	}
	return n.Value, nil
}

var (
	// misread matches numbers that YAML parsers disagree on: 060 is 60 or 48, 1_0 is 10 or a string.
	misread = regexp.MustCompile(`_|^[-+]?0[0-9]`)
	// written matches numbers that are valid JSON; their digits are kept.
	written = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)
)

// number decodes a number. A number that is valid JSON keeps its digits: 14.10 does not become 14.1.
func number(n *yaml.Node) (any, error) {
	if misread.MatchString(n.Value) {
		return nil, fmt.Errorf("line %d: %s is ambiguous in YAML: write it without leading zeros and "+
			"underscores, or quote it if it is text", n.Line, n.Value)
	}
	if written.MatchString(n.Value) {
		if _, err := strconv.ParseFloat(n.Value, 64); err != nil {
			return nil, fmt.Errorf("line %d: the number %s is too large", n.Line, n.Value)
		}
		return json.Number(n.Value), nil
	}
	if n.ShortTag() == "!!int" {
		var i int64
		err := n.Decode(&i)
		return json.Number(strconv.FormatInt(i, 10)), err
	}
	var f float64
	if err := n.Decode(&f); err != nil {
		return nil, err
	}
	text, err := json.Marshal(f)
	if err != nil { // JSON has neither infinity nor NaN
		return nil, fmt.Errorf("line %d: %s is not a number here: quote it if it is text", n.Line, n.Value)
	}
	return json.Number(text), nil
}

// values decodes a stream of YAML documents. Empty documents are skipped.
func values(in io.Reader) ([]any, []int, error) {
	d := yaml.NewDecoder(in)
	r := reader{left: maxNodes}
	var all []any
	var lines []int
	for {
		var n yaml.Node
		err := d.Decode(&n)
		if errors.Is(err, io.EOF) {
			return all, lines, nil
		}
		if err != nil {
			return nil, nil, err
		}
		v, err := r.value(&n)
		if err != nil {
			return nil, nil, err
		}
		if v != nil {
			all, lines = append(all, v), append(lines, n.Content[0].Line)
		}
	}
}

// Object decodes YAML that is one object.
func Object(in io.Reader) (map[string]any, error) {
	all, _, err := values(in)
	if err != nil {
		return nil, err
	}
	if len(all) == 1 {
		if object, ok := all[0].(map[string]any); ok {
			return object, nil
		}
	}
	return nil, errors.New("must be one object, as in name: value")
}
