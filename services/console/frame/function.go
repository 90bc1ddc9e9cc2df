package frame

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"
)

// functions are the functions of every template.
var functions = template.FuncMap{
	"num": number, "bytes": size, "percent": percent, "dur": duration, "plural": plural, "sentence": sentence,
	"every": Interval, "compares": Comparison,
	"ms":   func(ms int64) string { return duration(time.Duration(ms) * time.Millisecond) },
	"join": func(sep string, all []string) string { return strings.Join(all, sep) },
	"path": url.PathEscape,
	"dict": dict,
	"pill": func(kind, text string) (template.HTML, error) {
		return part("pill", map[string]string{"Kind": kind, "Text": text})
	},
	"ago":  func(at any) (template.HTML, error) { return instant("ago", at) },
	"when": func(at any) (template.HTML, error) { return instant("when", at) },
	"empty": func(title, text string, link ...string) (template.HTML, error) {
		v := map[string]any{"Title": title, "Text": text}
		if len(link) == 2 {
			v["Path"], v["Action"] = link[0], link[1]
		}
		return part("empty", v)
	},
	"input": func(f *Form, name, label string, options ...string) (template.HTML, error) {
		return field("input", f, name, label, nil, options)
	},
	"area": func(f *Form, name, label string, options ...string) (template.HTML, error) {
		return field("area", f, name, label, nil, options)
	},
	"checkbox": func(f *Form, name, label string, options ...string) (template.HTML, error) {
		return field("checkbox", f, name, label, nil, options)
	},
	"select": func(f *Form, name, label string, choices []Choice, options ...string) (template.HTML, error) {
		return field("select", f, name, label, choices, options)
	},
	"choices": choices,
}

// parts holds the components, for the functions above.
var parts *template.Template

// part renders a component.
func part(name string, data any) (template.HTML, error) {
	var b bytes.Buffer
	if err := parts.ExecuteTemplate(&b, name, data); err != nil {
		return "", err
	}
	return template.HTML(b.String()), nil //nolint:gosec // rendered by a template
}

// moment is a time as the components show it.
type moment struct {
	Machine, Exact, Relative string
	Zero                     bool
}

// exactTime is the layout of a time with its date.
const exactTime = "2006-01-02 15:04:05 MST"

func newMoment(at time.Time) moment {
	return moment{at.UTC().Format(time.RFC3339), at.UTC().Format(exactTime), relative(at, time.Now()), at.IsZero()}
}

// instant renders a time or a pointer to one, which may be nil.
func instant(name string, at any) (template.HTML, error) {
	var t time.Time
	switch v := at.(type) {
	case time.Time:
		t = v
	case *time.Time:
		if v != nil {
			t = *v
		}
	case nil:
	default:
		return "", fmt.Errorf("%s: %T is not a time", name, at)
	}
	return part(name, newMoment(t))
}

// dict returns a map of names and values, as the data of a component.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("dict needs pairs of names and values")
	}
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: name %d is not a text", i)
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}
