package policy

import (
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Claims are what an identity provider says of a person. They are read when a rule first asks for them, and
// once: make them with the session rather than with each request. Safe for concurrent use.
type Claims struct {
	raw    []byte
	once   sync.Once
	values map[string][]string // nil: cannot be read
}

// NewClaims takes the claims as a JSON object, which must not be changed afterwards. One that cannot be
// read, or that names a claim twice, is found out when a rule asks.
func NewClaims(object []byte) *Claims { return &Claims{raw: object} }

// get gives what a claim says: a string, number or bool as one text, a list of them as several. Numbers
// are compared by how they are written, as 42 and 42.0 may be two ids. ok tells that the claims can be
// read at all.
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

// appendScalar leaves out what has no text to compare: null, objects, lists in lists.
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
