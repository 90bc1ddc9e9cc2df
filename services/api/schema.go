package api

import (
	"encoding"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"plumbline.dev/proto"
)

// schema is a JSON Schema (draft 2020-12), as OpenAPI 3.1 has them.
type schema map[string]any

// members are those of an object, by name.
type members map[string]schema

// says gives a schema a description.
func (s schema) says(description string) schema {
	s = maps.Clone(s)
	s["description"] = description
	return s
}

// orNull lets null through too.
func (s schema) orNull() schema {
	s = maps.Clone(s)
	if kind, one := s["type"].(string); one {
		s["type"] = []string{kind, "null"}
		if values, closed := s["enum"].([]any); closed {
			s["enum"] = append(slices.Clone(values), nil)
		}
		return s
	}
	return anyOf(s, schema{"type": "null"})
}

func aText() schema    { return schema{"type": "string"} }
func aFlag() schema    { return schema{"type": "boolean"} }
func aNumber() schema  { return schema{"type": "number"} }
func aWhole() schema   { return schema{"type": "integer"} }
func anything() schema { return schema{} }
func aUUID() schema    { return schema{"type": "string", "format": "uuid"} }
func aMoment() schema  { return schema{"type": "string", "format": "date-time"} }

func aDuration() schema {
	return aText().says(`a duration as Go writes them: "30m", "24h", "1h30m"`)
}

// between bounds a number.
func between(least, most int) schema {
	return schema{"type": "integer", "minimum": least, "maximum": most}
}

func oneOfTexts[T ~string](values ...T) schema {
	all := make([]any, len(values))
	for n, v := range values {
		all[n] = v
	}
	return schema{"type": "string", "enum": all}
}

func listOf(items schema) schema { return schema{"type": "array", "items": items} }

func anyOf(of ...schema) schema { return schema{"anyOf": of} }

// an names a schema of the components.
func an(name string) schema { return schema{"$ref": "#/components/schemas/" + name} }

// an object with members, some of which have to be there; others may be there beside.
func anObject(m members, required ...string) schema {
	s := schema{"type": "object", "properties": m}
	if len(m) == 0 {
		delete(s, "properties")
	}
	if len(required) > 0 {
		slices.Sort(required)
		s["required"] = required
	}
	return s
}

// exactly is an object that has no members but those, all of which are there, with some exceptions.
func exactly(m members, optional ...string) schema {
	names := slices.DeleteFunc(slices.Collect(maps.Keys(m)), func(name string) bool { return slices.Contains(optional, name) })
	s := anObject(m, names...)
	s["additionalProperties"] = false
	return s
}

// and has the members of several objects.
func (s schema) and(others ...schema) schema {
	all, required := members{}, []string{}
	for _, o := range append([]schema{s}, others...) {
		m, _ := o["properties"].(members)
		maps.Copy(all, m)
		names, _ := o["required"].([]string)
		required = append(required, names...)
	}
	joint := anObject(all, required...)
	if closed, said := s["additionalProperties"]; said {
		joint["additionalProperties"] = closed
	}
	return joint
}

// kept are members of the kinds of a table: answers have them as they were sent, null too.
func kept(kinds map[string]memberKind) members {
	m := members{}
	for name, kind := range kinds {
		m[name] = [...]schema{textMember: aText(), boolMember: aFlag(), numberMember: aNumber(), textsMember: listOf(aText()),
			listMember: listOf(anObject(nil)), objectMember: anObject(nil)}[kind].orNull()
	}
	return m
}

func (m members) with(more members) members {
	all := maps.Clone(m)
	maps.Copy(all, more)
	return all
}

// of is the schema of what encoding/json makes of a type.
func of[T any]() schema { return schemaOf(reflect.TypeFor[T]()) }

// special are types that say themselves how they are written.
var special = map[reflect.Type]schema{
	reflect.TypeFor[proto.ID]():        aUUID(),
	reflect.TypeFor[proto.Account]():   {"type": "string", "pattern": "^[0-9a-f]{32}$"},
	reflect.TypeFor[proto.Outcome]():   oneOfTexts("pass", "fail", "unknown"),
	reflect.TypeFor[proto.Reason]():    aText().says("why, from a closed list"),
	reflect.TypeFor[stamp]():           aMoment().orNull(),
	reflect.TypeFor[json.RawMessage](): anything(),
}

func schemaOf(t reflect.Type) schema {
	if s, ok := special[t]; ok {
		return s
	}
	if t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return aText()
	}
	switch t.Kind() {
	case reflect.Bool:
		return aFlag()
	case reflect.String:
		return aText()
	case reflect.Float32, reflect.Float64:
		return aNumber()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return aWhole()
	case reflect.Pointer:
		return schemaOf(t.Elem()).orNull()
	case reflect.Slice:
		return listOf(schemaOf(t.Elem()))
	case reflect.Map:
		return schema{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case reflect.Struct:
		return structSchema(t)
	}
	return anything()
}

func structSchema(t reflect.Type) schema {
	m, optional := members{}, []string{}
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		of := f.Type
		absent := strings.Contains(options, "omit")
		if absent && of.Kind() == reflect.Pointer {
			of = of.Elem() // it is never null: it is not there
		}
		switch {
		case name == "-":
		case f.Anonymous && name == "":
			for of.Kind() == reflect.Pointer {
				of = of.Elem()
			}
			inner := structSchema(of)
			required, _ := inner["required"].([]string)
			for name, s := range inner["properties"].(members) {
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
				m[name] = m[name].says(says)
			}
		}
	}
	return exactly(m, optional...)
}
