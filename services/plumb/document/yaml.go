package document

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

// YAML converts JSON to YAML and keeps the order of members.
func YAML(json []byte) ([]byte, error) {
	n, err := Node(json)
	if err != nil {
		return nil, err
	}
	return encode(n)
}

func encode(nodes ...*yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	for _, n := range nodes {
		if err := e.Encode(n); err != nil {
			return nil, err
		}
	}
	err := e.Close()
	return b.Bytes(), err
}

// Node returns JSON as a YAML node, to which comments can be added.
func Node(json []byte) (*yaml.Node, error) {
	return node(jsontext.NewDecoder(bytes.NewReader(json)))
}

func node(d *jsontext.Decoder) (*yaml.Node, error) {
	token, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case '{':
		return inner(d, &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}, '}')
	case '[':
		return inner(d, &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}, ']')
	case '"':
		return text(token.String()), nil
	case '0':
		tag := "!!int"
		if _, err := strconv.ParseInt(token.String(), 10, 64); err != nil {
			tag = "!!float"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: token.String()}, nil
	case 'n':
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: token.String()}, nil
	}
}

// text returns a string node, quoted if it would be read as another type.
func text(s string) *yaml.Node {
	n := new(yaml.Node)
	n.SetString(s)
	if s == "<<" {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

func inner(d *jsontext.Decoder, n *yaml.Node, end jsontext.Kind) (*yaml.Node, error) {
	for d.PeekKind() != end {
		child, err := node(d)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, child)
	}
	if len(n.Content) == 0 {
		n.Style = yaml.FlowStyle
	}
	_, err := d.ReadToken()
	return n, err
}
