package apitest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"plumbline.dev/proto"
)

// Text returns a member as text.
func Text(m map[string]any, name string) string { return fmt.Sprint(m[name]) }

// ID returns the member id of a resource. It panics if that is no id.
func ID(m map[string]any) proto.ID { return ParseID(m["id"]) }

// ParseID returns the id that a text is. It panics if it is none.
func ParseID(text any) proto.ID {
	id, err := proto.ParseID(fmt.Sprint(text))
	if err != nil {
		panic(err)
	}
	return id
}

// JSON returns the encoding of v.
func JSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Column returns one member of each element.
func Column(all []map[string]any, member string) (values []any) {
	for _, e := range all {
		values = append(values, e[member])
	}
	return values
}

// Same reports an error if got differs from want.
func Same(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// Panics returns what f panics with, or nil if it does not.
func Panics(f func()) (p any) {
	defer func() { p = recover() }()
	f()
	return nil
}

// Must returns v. It panics if there is an error.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
