package api

import (
	"encoding/json"
	"strings"

	"plumbline.dev/services/internal/secretname"
)

// kept is the object as it is stored (see [object.sent]), without secrets at any depth: what is only kept of a
// client's configuration may hold secrets of systems that this build never calls.
func (o object) kept(without ...string) json.RawMessage {
	withoutSecrets(o)
	return o.sent(without...)
}

// withoutSecrets takes the secrets out of a body, at any depth.
func withoutSecrets(body object) {
	for name, raw := range body {
		v, err := decoded(raw)
		switch {
		case err != nil:
		case secretname.Holds(name, v):
			delete(body, name)
		case strip(v):
			body.set(name, v)
		}
	}
}

// decoded is a value of any kind, numbers as they are written.
func decoded(raw json.RawMessage) (v any, err error) {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// strip removes the secrets of a value and reports whether there were any.
func strip(v any) (found bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, in := range v {
			if secretname.Holds(name, in) {
				delete(v, name)
				found = true
			} else if strip(in) {
				found = true
			}
		}
	case []any:
		for _, in := range v {
			found = strip(in) || found
		}
	}
	return found
}
