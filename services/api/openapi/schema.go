package openapi

import (
	"encoding"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// Schema is a JSON Schema (draft 2020-12), as in OpenAPI 3.1.
type Schema map[string]any

// Members holds the members of an object by name.
type Members map[string]Schema

// Describe returns the schema with a description.
func (s Schema) Describe(description string) Schema {
	s = maps.Clone(s)
	s["description"] = description
	return s
}

// OrNull returns the schema with null as a further value.
func (s Schema) OrNull() Schema {
	s = maps.Clone(s)
	if kind, one := s["type"].(string); one {
		s["type"] = []string{kind, "null"}
		if values, closed := s["enum"].([]any); closed {
			s["enum"] = append(slices.Clone(values), nil)
		}
		return s
	}
	return AnyOf(s, Schema{"type": "null"})
}

// Text returns the schema of a string.
func Text() Schema { return Schema{"type": "string"} }

// Bool returns the schema of a boolean.
func Bool() Schema { return Schema{"type": "boolean"} }

// Number returns the schema of a number.
func Number() Schema { return Schema{"type": "number"} }

// Integer returns the schema of an integer.
func Integer() Schema { return Schema{"type": "integer"} }

// Any returns the schema of any value.
func Any() Schema { return Schema{} }

// UUID returns the schema of a UUID.
func UUID() Schema { return Schema{"type": "string", "format": "uuid"} }

// Time returns the schema of an RFC 3339 time.
func Time() Schema { return Schema{"type": "string", "format": "date-time"} }

// Duration returns the schema of a Go duration.
func Duration() Schema {
	return Text().Describe(`A Go duration such as "30m", "24h" or "1h30m".`)
}

// Between returns the schema of an integer with inclusive bounds.
func Between(least, most int) Schema {
	return Schema{"type": "integer", "minimum": least, "maximum": most}
}

// Enum returns the schema of a string with fixed values.
func Enum[T ~string](values ...T) Schema {
	all := make([]any, len(values))
	for n, v := range values {
		all[n] = v
	}
	return Schema{"type": "string", "enum": all}
}

// List returns the schema of an array.
func List(items Schema) Schema { return Schema{"type": "array", "items": items} }

// AnyOf returns a schema that accepts a value if one of several schemas does.
func AnyOf(of ...Schema) Schema { return Schema{"anyOf": of} }

// Ref returns a reference to a schema of the components.
func Ref(name string) Schema { return Schema{"$ref": "#/components/schemas/" + name} }

// Object returns the schema of an object. Members beside m are allowed.
func Object(m Members, required ...string) Schema {
	s := Schema{"type": "object", "properties": m}
	if len(m) == 0 {
		delete(s, "properties")
	}
	if len(required) > 0 {
		slices.Sort(required)
		s["required"] = required
	}
	return s
}

// Closed returns the schema of an object that allows only the members in m. All of them are required, except for the
// optional ones.
func Closed(m Members, optional ...string) Schema {
	names := slices.DeleteFunc(slices.Collect(maps.Keys(m)),
		func(name string) bool { return slices.Contains(optional, name) })
	s := Object(m, names...)
	s["additionalProperties"] = false
	return s
}

// Merge returns the schema of an object with the members of several objects.
func (s Schema) Merge(others ...Schema) Schema {
	all, required := Members{}, []string{}
	for _, o := range append([]Schema{s}, others...) {
		m, _ := o["properties"].(Members)
		maps.Copy(all, m)
		names, _ := o["required"].([]string)
		required = append(required, names...)
	}
	joint := Object(all, required...)
	if closed, said := s["additionalProperties"]; said {
		joint["additionalProperties"] = closed
	}
	return joint
}

// Echoed returns the schemas of members that are returned as sent, including null.
func Echoed(kinds map[string]v4.MemberKind) Members {
	m := Members{}
	for name, kind := range kinds {
		m[name] = [...]Schema{v4.StringMember: Text(), v4.BoolMember: Bool(), v4.NumberMember: Number(),
			v4.StringsMember: List(Text()),
			v4.ListMember:    List(Object(nil)), v4.ObjectMember: Object(nil)}[kind].OrNull()
	}
	return m
}

// Kept returns a copy of the members in which the named ones have the extension x-plumbline-kept: they are stored and
// returned, and have no other effect. It panics if there is no such member.
func (m Members) Kept(names ...string) Members {
	all := maps.Clone(m)
	for _, name := range names {
		if all[name] == nil {
			panic("openapi: no member " + name)
		}
		all[name] = all[name].With("x-plumbline-kept", true)
	}
	return all
}

// With returns a copy of the members with further ones, which replace those of the same name.
func (m Members) With(more Members) Members {
	all := maps.Clone(m)
	maps.Copy(all, more)
	return all
}

// Of returns the schema of the JSON encoding of a type.
func Of[T any]() Schema { return schemaOf(reflect.TypeFor[T]()) }

// special holds the schemas of types with their own encoding.
var special = map[reflect.Type]Schema{
	reflect.TypeFor[proto.ID]():        UUID(),
	reflect.TypeFor[proto.Account]():   {"type": "string", "pattern": "^[0-9a-f]{32}$"},
	reflect.TypeFor[proto.Outcome]():   Enum("pass", "fail", "unknown"),
	reflect.TypeFor[proto.Reason]():    Text().Describe("Reason, from a fixed list."),
	reflect.TypeFor[v4.Timestamp]():    Time().OrNull(),
	reflect.TypeFor[json.RawMessage](): Any(),
}

func schemaOf(t reflect.Type) Schema {
	if s, ok := special[t]; ok {
		return s
	}
	if t.Kind() != reflect.Pointer && t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return Text()
	}
	switch t.Kind() {
	case reflect.Bool:
		return Bool()
	case reflect.String:
		return Text()
	case reflect.Float32, reflect.Float64:
		return Number()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8,
		reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return Integer()
	case reflect.Pointer:
		return schemaOf(t.Elem()).OrNull()
	case reflect.Slice:
		return List(schemaOf(t.Elem()))
	case reflect.Map:
		return Schema{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case reflect.Struct:
		return structSchema(t)
	}
	return Any()
}

func structSchema(t reflect.Type) Schema {
	m, optional := Members{}, []string{}
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		of := f.Type
		absent := strings.Contains(options, "omit")
		if absent && of.Kind() == reflect.Pointer {
			of = of.Elem() // never null, but absent
		}
		switch {
		case name == "-":
		case f.Anonymous && name == "":
			for of.Kind() == reflect.Pointer {
				of = of.Elem()
			}
			inner := structSchema(of)
			required, _ := inner["required"].([]string)
			for name, s := range inner["properties"].(Members) {
				if m[name] = s; !slices.Contains(required, name) {
					optional = append(optional, name)
				}
			}
		case !f.IsExported():
		default:
			if m[name] = schemaOf(of); absent {
				optional = append(optional, name)
			}
			if says := f.Tag.Get("says"); says != "" {
				m[name] = m[name].Describe(says)
			}
		}
	}
	return Closed(m, optional...)
}

// With returns the schema with another keyword.
func (s Schema) With(keyword string, value any) Schema {
	s = maps.Clone(s)
	s[keyword] = value
	return s
}
