package reference_test

import (
	"errors"
	"testing"

	"plumbline.dev/services/plumb/reference"
)

func value(kind, name string) (string, error) {
	if name == "NONE" {
		return "", errors.New("not set")
	}
	return "<" + kind + " " + name + ">", nil
}

func TestExpand(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "a$b": "a$b", "${x:A}": "${x:A}", "${env:}": "${env:}", "$$": "$$",
		"${env:A}":              "<env A>",
		"a ${env:A} ${file:b}c": "a <env A> <file b>c",
		"$${env:A}":             "${env:A}",
		"$$${env:A}":            "$${env:A}",
		"$${env:A}${env:A}":     "${env:A}<env A>",
		"${env:${env:A}}":       "${env:<env A>}",
	} {
		if got, err := reference.Expand(text, value); got != want || err != nil {
			t.Errorf("%q: %q %v, want %q", text, got, err, want)
		}
	}
	if _, err := reference.Expand("a ${env:NONE} ${env:A}", value); err == nil {
		t.Error("a missing value is no error")
	}
}

func TestIs(t *testing.T) {
	for text, want := range map[string][2]bool{ // is one, and has one
		"": {}, "${env:A}": {true, true}, "a ${env:A}": {false, true}, "${env:A}${env:A}": {false, true},
		"$${env:A}": {}, "$${env:A}${env:A}": {false, true}, "${x:A}": {},
	} {
		if got := [2]bool{reference.Is(text), reference.In(text)}; got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// FuzzEscape: text that is escaped is read as it was, without a lookup.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "${env:A}", "$${env:A}", "$$${file:/x}", "${env:${env:A}}", "https://a/${env:A}?$0",
		"$"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := reference.Expand(reference.Escape(text), func(kind, name string) (string, error) {
			t.Errorf("%q: %s %s is looked up", text, kind, name)
			return "", nil
		})
		if got != text || err != nil {
			t.Errorf("%q became %q: %v", text, got, err)
		}
	})
}
