package v4

import (
	"encoding/json"
	"strings"

	"plumbline.dev/services/internal/secretname"
)

// EncodeSanitized returns the object as it is stored (see [Object.Encode]), without secrets at any depth. Unsupported
// configuration may hold secrets of systems that Plumbline never calls.
func (o Object) EncodeSanitized(without ...string) json.RawMessage {
	withoutSecrets(o)
	return o.Encode(without...)
}

// withoutSecrets removes the secrets of a body, at any depth.
func withoutSecrets(body Object) {
	for name, raw := range body {
		v, err := DecodeAny(raw)
		switch {
		case err != nil:
		case secretname.Holds(name, v):
			delete(body, name)
		case StripSecrets(v):
			body.Set(name, v)
		}
	}
}

// DecodeAny decodes a value of any type. Numbers keep their notation.
func DecodeAny(raw json.RawMessage) (v any, err error) {
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// StripSecrets removes the secrets of a value and reports whether it had any.
func StripSecrets(v any) (found bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, in := range v {
			if secretname.Holds(name, in) {
				delete(v, name)
				found = true
			} else if StripSecrets(in) {
				found = true
			}
		}
	case []any:
		for _, in := range v {
			found = StripSecrets(in) || found
		}
	}
	return found
}
