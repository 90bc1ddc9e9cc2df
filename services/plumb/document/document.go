package document

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Document describes one resource.
type Document struct {
	Kind string // such as integration
	Name string // other documents refer to it by this name
	// Spec has the members of the API's request, decoded as encoding/json does, with numbers as json.Number.
	Spec map[string]any
	// Source is the position of the document, file:line.
	Source string
	// Comment holds the lines of the comment above the document.
	Comment []string
}

// maxFile is the largest file, in bytes.
const maxFile = 16 << 20

// Read reads the documents of a file, of the .yaml, .yml and .json files below a directory, or of stdin if the path is
// -. Hidden files are ignored.
func Read(path string, stdin io.Reader) ([]Document, error) {
	if path == "-" {
		return Parse("standard input", stdin)
	}
	var all []Document
	err := filepath.WalkDir(path, func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case p != path && strings.HasPrefix(e.Name(), "."):
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		case e.IsDir() || p != path && !slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(p))):
			return nil
		}
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		defer f.Close()
		some, err := Parse(p, f)
		all = append(all, some...)
		return err
	})
	return all, err
}

// Parse reads the documents of one file; name is used in errors.
func Parse(name string, in io.Reader) ([]Document, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("larger than %d bytes", maxFile)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	all, lines, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	docs := make([]Document, 0, len(all))
	for n, v := range all {
		d, err := document(v)
		if d.Source = fmt.Sprintf("%s:%d", name, lines[n]); err != nil {
			return nil, fmt.Errorf("%s: %w", d.Source, err)
		}
		docs = append(docs, d)
	}
	return docs, nil
}

// parse decodes YAML, JSON, or a JSON list of documents. Duplicate names in JSON are an error, as in YAML.
func parse(text []byte) ([]any, []int, error) {
	trimmed := bytes.TrimSpace(text)
	if len(trimmed) == 0 || trimmed[0] != '[' && trimmed[0] != '{' || !jsontext.Value(trimmed).IsValid() {
		return values(bytes.NewReader(text))
	}
	v, err := JSON(trimmed)
	if err != nil {
		return nil, nil, err
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	return list, slices.Repeat([]int{1}, len(list)), nil
}

// JSON decodes one JSON value, with numbers as json.Number.
func JSON(text []byte) (any, error) {
	var v any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err := d.Decode(&v)
	return v, err
}

func document(v any) (Document, error) {
	var d Document
	members, ok := v.(map[string]any)
	if !ok {
		return d, fmt.Errorf("a document must be an object with kind, name and spec")
	}
	for name, v := range members {
		var ok bool
		switch name {
		case "kind":
			d.Kind, ok = v.(string)
			d.Kind = strings.ReplaceAll(d.Kind, "-", "_")
		case "name":
			d.Name, ok = v.(string)
		case "spec":
			if d.Spec, ok = v.(map[string]any); v == nil {
				ok = true
			}
		default:
			return d, fmt.Errorf("unknown member %q: a document has kind, name and spec", name)
		}
		if !ok {
			return d, fmt.Errorf("%s has the wrong type: kind and name must be strings, quoted if they look like numbers, "+
				"and spec must be an object", name)
		}
	}
	if d.Kind == "" {
		return d, fmt.Errorf("kind is missing")
	}
	if d.Spec == nil {
		d.Spec = map[string]any{}
	}
	return d, nil
}
