// Package schematest validates public messages against their JSON Schemas, in tests.
package schematest

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/vmihailenco/msgpack/v5"
	"plumbline.dev/proto"
	"plumbline.dev/proto/schema"
)

// Validate returns an error if the payload of a public message is not of its schema. Formats, such as that of times,
// are checked as well.
func Validate(s proto.Schema, data []byte) error {
	all, err := compiled()
	if err != nil {
		return err
	}
	c := all[s]
	if c == nil {
		return fmt.Errorf("schema %s does not belong to a public message", s)
	}
	v, err := decode(data)
	if err == nil {
		err = c.Validate(v)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s, err)
	}
	return nil
}

// Public reports whether a schema is the current one of a public message. If the JSON Schemas cannot be compiled, every
// schema is: Validate returns the error.
func Public(s proto.Schema) bool {
	all, err := compiled()
	return err != nil || all[s] != nil
}

// decode returns a message as any client reads it. Members must have text as their names.
func decode(data []byte) (any, error) {
	r := bytes.NewReader(data)
	dec := msgpack.NewDecoder(r)
	dec.UseLooseInterfaceDecoding(true)
	v, err := dec.DecodeInterfaceLoose()
	if err == nil && r.Len() > 0 {
		err = fmt.Errorf("%d bytes after the message", r.Len())
	}
	return v, err
}

// compiled returns the schemas of all public messages.
var compiled = sync.OnceValues(func() (map[proto.Schema]*jsonschema.Schema, error) {
	all := map[proto.Schema]*jsonschema.Schema{}
	for _, m := range schema.Public() {
		text, err := schema.JSON(m.Schema())
		if err != nil {
			return nil, err
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Schema(), err)
		}
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		name := "https://plumbline.dev/schema/" + m.Schema().String() + ".json"
		if err := c.AddResource(name, doc); err != nil {
			return nil, fmt.Errorf("%s: %w", m.Schema(), err)
		}
		if all[m.Schema()], err = c.Compile(name); err != nil {
			return nil, fmt.Errorf("%s: %w", m.Schema(), err)
		}
	}
	return all, nil
})
