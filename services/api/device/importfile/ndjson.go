package importfile

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"plumbline.dev/proto"
)

// parseJSON parses a line with one JSON object of strings. It rejects unknown keys: a misspelt one would leave its
// field blank.
func parseJSON(line []byte, d *proto.Device) *proto.Error {
	dec := jsontext.NewDecoder(bytes.NewReader(line))
	switch t, err := dec.ReadToken(); {
	case err == nil && t.Kind() == '[':
		return refusal(CodeMalformed,
			"the row is a JSON array: send an array of devices as application/json, NDJSON has one object on a line")
	case err != nil || t.Kind() != '{':
		return refusal(CodeMalformed, "the row is not a JSON object")
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return refusal(CodeMalformed, "the line is not valid JSON, with each key once")
		}
		key := name.String()
		column := slices.Index(Columns, key)
		if column < 0 {
			return refusal(CodeMalformed, "the key %q is not known; the keys are %s", shown(key), strings.Join(Columns, ", "))
		}
		value, err := dec.ReadToken()
		switch {
		case err != nil:
			return refusal(CodeMalformed, "the line is not valid JSON")
		case value.Kind() == 'n':
			continue
		case value.Kind() != '"':
			return refusal(CodeMalformed, "%s must be a string", key)
		}
		if err := setField(d, column, value.String()); err != nil {
			return err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return refusal(CodeMalformed, "the line is not valid JSON")
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return refusal(CodeMalformed, "something follows the JSON object on the line")
	}
	return nil
}
