// Package schema holds the JSON Schemas of the public messages, which other systems read from the bus.
//
// A message is a map in msgpack. Its schema describes the value that a msgpack library returns for it.
package schema

import (
	"embed"
	"fmt"

	"plumbline.dev/proto"
)

//go:embed *.json
var files embed.FS

// Public returns one empty message of each public schema with named members, in the order of their names.
func Public() []proto.Message {
	return []proto.Message{&proto.AuditEvent{}, &proto.Authentication{}, &proto.Change{}, &proto.HoldNotice{},
		&proto.TokenNotice{}}
}

// JSON returns the JSON Schema of a public message.
func JSON(s proto.Schema) ([]byte, error) {
	text, err := files.ReadFile(s.String() + ".json")
	if err != nil {
		return nil, fmt.Errorf("schema %s does not belong to a public message", s)
	}
	return text, nil
}
