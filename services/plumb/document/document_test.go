package document_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
	"plumbline.dev/services/plumb/document"
)

func TestFilesOfBothForms(t *testing.T) {
	const yaml = `
# what is polled
kind: integration
name: scores
spec:
  interval: 10m
  x_paused: no   # a word, YAML 1.2
  config: {api_url: "https://h/score"}
---
---
kind: identity-provider
name: 2026-01-02
spec: {config: {pkce_enabled: false, hex: 0x10, share: 1.50, none: ~}}
`
	docs, err := document.Parse("f.yaml", strings.NewReader(yaml))
	if err != nil {
		t.Fatal(err)
	}
	want := []document.Document{
		{Kind: "integration", Name: "scores", Source: "f.yaml:3", Spec: map[string]any{"interval": "10m", "x_paused": "no",
			"config": map[string]any{"api_url": "https://h/score"}}},
		{Kind: "identity_provider", Name: "2026-01-02", Source: "f.yaml:11", Spec: map[string]any{"config": map[string]any{
			"pkce_enabled": false, "hex": json.Number("16"), "share": json.Number("1.50"), "none": nil}}},
	}
	if diff := cmp.Diff(want, docs); diff != "" {
		t.Error(diff)
	}
	fromJSON, err := document.Parse("f.json",
		strings.NewReader(`[{"kind":"tag","name":"a"},{"kind":"check","name":"b","spec":{"input":{"score":60}}}]`))
	if err != nil || len(fromJSON) != 2 || fromJSON[1].Spec["input"].(map[string]any)["score"] != json.Number("60") {
		t.Errorf("%+v, %v", fromJSON, err)
	}
}

func TestWhatIsNoDocumentIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"kind: a\nkind: b":                        "line 2: duplicate member \"kind\"",
		"name: a":                                 "f:1: kind is missing",
		"- a":                                     "f:1: a document must be an object with kind, name and spec",
		"kind: a\nsepc: {}":                       `unknown member "sepc"`,
		"kind: a\nname: 7":                        "name has the wrong type",
		"kind: a\nspec: []":                       "spec has the wrong type",
		"kind: a\nspec: {? [x] : y}":              "line 2: must be name: value",
		"kind: a\nspec: {a: &x {b: 1}, <<: *x}":   "line 2: must be name: value",
		"kind: a\nspec: {a: .inf}":                "f: line 2: .inf is not a number here",
		"kind: [":                                 "f: ",
		"kind: a\nspec: {score: 060}":             "line 2: 060 is ambiguous in YAML",
		"kind: a\nspec:\n  score: 1_0":            "line 3: 1_0 is ambiguous",
		"kind: a\nspec: {a: -007}":                "-007 is ambiguous",
		"kind: a\nspec: {a: 1_0.5}":               "1_0.5 is ambiguous",
		"kind: a\nspec: {a: 0x1_0}":               "0x1_0 is ambiguous",
		"kind: a\nspec: {a: [1, 08]}":             "08 is ambiguous",
		"kind: a\nspec: {a: .nan}":                "line 2: .nan is not a number here",
		"kind: a\nspec:\n\ta: 1":                  "f: ",
		"kind: a\nspec: {a: {b: 1, b: 2}}":        "duplicate member \"b\"",
		`{"kind": "a", "spec": {"b": 1, "b": 2}}`: "duplicate member \"b\"",
	} {
		if _, err := document.Parse("f", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// Aliases multiplying one another end in an error and not in memory.
func TestAliasesAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("kind: a\nspec:\n  a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for n := 1; n < 9; n++ {
		p := string(rune('0' + n - 1))
		b.WriteString("  a" + string(rune('0'+n)) + ": &a" + string(rune('0'+n)) + " [" +
			strings.TrimSuffix(strings.Repeat("*a"+p+",", 10), ",") + "]\n")
	}
	if _, err := document.Parse("f", strings.NewReader(b.String())); err == nil {
		t.Error("read")
	}
}

func TestDirectories(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"b.yml": "kind: tag\nname: b", "a/x.yaml": "kind: tag\nname: a",
		"note.txt": "no", ".hidden.yaml": "no", ".git/c.yaml": "no", "c.json": `{"kind":"tag","name":"c"}`} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	docs, err := document.Read(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	var names string
	for _, d := range docs {
		names += d.Name
	}
	if names != "abc" {
		t.Errorf("read %s", names)
	}
}

// object draws JSON objects with texts easily taken for something else in YAML.
func object() *rapid.Generator[map[string]any] {
	odd := rapid.SampledFrom([]string{"", "yes", "no", "null", "~", "1", "1.5", "0x1", "1e3", "2026-01-02", "a: b", "- a",
		"#", "!x", "&x", "*x", "<<", "${env:A}", " x ", "a\nb", "\t", "\u2028", "é", "😀", "'", "\"", "true", "012", ".inf",
		"{", "[]", "@", "`"})
	leaf := rapid.OneOf(odd.AsAny(), rapid.String().AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil),
		rapid.Map(rapid.Int64(), func(i int64) any { return json.Number(strings.TrimSpace(mustJSON(i))) }))
	name := rapid.OneOf(odd, rapid.StringMatching(`[a-z_]{1,8}`))
	inner := rapid.OneOf(leaf, rapid.SliceOfN(leaf, 0, 3).AsAny(), rapid.MapOfN(name, leaf, 0, 3).AsAny())
	return rapid.MapOfN(name, inner, 1, 5)
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// A written document is read back unchanged, with any reading of YAML.
func TestWrittenIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := object().Draw(t, "spec")
		text := mustJSON(spec) // strings without valid UTF-8 become JSON's replacement
		v, err := document.JSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		want := document.Document{Kind: "tag", Name: "null", Spec: v.(map[string]any),
			Comment: []string{"a comment: of two", "lines"}}
		written, err := document.Write(want, want)
		if err != nil {
			t.Fatal(err)
		}
		docs, err := document.Parse("f", strings.NewReader(string(written)))
		if err != nil || len(docs) != 2 {
			t.Fatalf("%v\n%s", err, written)
		}
		for _, d := range docs {
			if d.Kind != want.Kind || d.Name != want.Name || !reflect.DeepEqual(d.Spec, want.Spec) {
				t.Fatalf("%s\nwas read as %v, want %v", written, d.Spec, want.Spec)
			}
		}
		shown, err := document.YAML([]byte(`{"kind":"tag","name":"null","spec":` + text + `}`))
		if err != nil {
			t.Fatal(err)
		}
		docs, err = document.Parse("f", strings.NewReader(string(shown)))
		if err != nil || len(docs) != 1 || !reflect.DeepEqual(docs[0].Spec, want.Spec) {
			t.Fatalf("%v\n%s\nwas read as %v, want %v", err, shown, docs, want.Spec)
		}
	})
}
