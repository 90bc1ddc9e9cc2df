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

// Document is one resource as a file describes it.
type Document struct {
	Kind string // such as integration
	Name string // by which other documents refer to it, too
	// Spec has the resource's members as the API takes them, as encoding/json reads them, numbers as
	// json.Number.
	Spec map[string]any
	// Source says where it stands, file:line.
	Source string
	// Comment is written before it, a line each.
	Comment []string
}

// maxFile bounds a file, in bytes.
const maxFile = 16 << 20

// Read reads documents from a file, from the files of a directory and those in it whose names end in .yaml,
// .yml or .json, or from stdin where the path is -. Hidden files are left out.
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

// Parse reads the documents of one file; name is for messages.
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

// parse takes YAML, JSON, and a JSON list of documents. JSON that has a name twice is refused as YAML.
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

// JSON reads one JSON value, numbers as json.Number.
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
		return d, fmt.Errorf("a document has kind, name and spec")
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
			return d, fmt.Errorf("%q is not known: a document has kind, name and spec", name)
		}
		if !ok {
			return d, fmt.Errorf("%s is not what it should be: kind and name are text, which is quoted where it looks like something else, spec has members", name)
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
