package policy

import (
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Claims are an identity provider's claims about a person. They are parsed once, when a rule first needs them, so
// create them with the session rather than with each request. Claims are safe for concurrent use.
type Claims struct {
	raw    []byte
	once   sync.Once
	values map[string][]string // nil: the claims cannot be parsed
}

// NewClaims returns the claims in a JSON object, which the caller must not modify afterwards. An object that cannot
// be parsed, or that names a claim twice, is reported by get.
func NewClaims(object []byte) *Claims { return &Claims{raw: object} }

// get returns the values of a claim: a string, number or bool as one text, a list as several. Numbers are compared as
// written, because 42 and 42.0 may be two ids. ok is false if the claims cannot be parsed.
func (c *Claims) get(name string) (values []string, ok bool) {
	if c == nil {
		return nil, false
	}
	c.once.Do(func() { c.values, c.raw = readClaims(c.raw), nil })
	return c.values[name], c.values != nil
}

func readClaims(object []byte) map[string][]string {
	var members map[string]jsontext.Value
	if json.Unmarshal(object, &members) != nil || members == nil {
		return nil
	}
	values := make(map[string][]string, len(members))
	for name, v := range members {
		if v.Kind() != '[' {
			values[name] = appendScalar(nil, v)
			continue
		}
		var list []jsontext.Value
		if json.Unmarshal(v, &list) != nil {
			return nil
		}
		for _, item := range list {
			values[name] = appendScalar(values[name], item)
		}
	}
	return values
}

// appendScalar appends a scalar as text. It skips null, objects and nested lists, which have no text to compare.
func appendScalar(to []string, v jsontext.Value) []string {
	switch v.Kind() {
	case '"':
		var s string
		if json.Unmarshal(v, &s) == nil {
			to = append(to, s)
		}
	case '0', 't', 'f':
		to = append(to, string(v))
	}
	return to
}
