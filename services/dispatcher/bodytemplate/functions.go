package bodytemplate

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"text/template"
)

// functions returns the functions of a template. They replace those of text/template that make texts, which have no
// bound.
func functions() template.FuncMap {
	return template.FuncMap{
		"json":     toJSON,
		"print":    func(args ...any) (string, error) { return bounded(fmt.Sprint, args) },
		"println":  func(args ...any) (string, error) { return bounded(fmt.Sprintln, args) },
		"printf":   printf,
		"html":     func(args ...any) (string, error) { return escaped(template.HTMLEscapeString, args) },
		"js":       func(args ...any) (string, error) { return escaped(template.JSEscapeString, args) },
		"urlquery": func(args ...any) (string, error) { return escaped(url.QueryEscape, args) },
		"join":     join,
		"lower":    strings.ToLower,
		"upper":    strings.ToUpper,
		"call":     func() (string, error) { return "", errors.New("call is not supported") },
	}
}

// toJSON returns a value as JSON.
func toJSON(v any) (string, error) {
	if err := sized([]any{v}); err != nil {
		return "", err
	}
	b, err := json.Marshal(v)
	return within(string(b), err)
}

// join returns the texts of a list with a separator between them.
func join(separator string, list []any) (string, error) {
	texts := make([]string, len(list))
	for i, v := range list {
		t, err := bounded(fmt.Sprint, []any{v})
		if err != nil {
			return "", err
		}
		texts[i] = t
	}
	if len(separator) > maxText/max(len(list), 1) {
		return "", ErrText
	}
	return within(strings.Join(texts, separator), nil)
}

// wide matches a width or a precision that would make a long text of a short one.
var wide = regexp.MustCompile(`%[^a-zA-Z%]*(\*|[0-9]{4,})`)

func printf(format string, args ...any) (string, error) {
	if wide.MatchString(format) {
		return "", errors.New("printf: a width or precision of up to 3 digits is supported")
	}
	if strings.Count(format, "%") > maxVerbs || strings.Contains(format, "%[") {
		return "", fmt.Errorf("printf: up to %d verbs without indexes are supported", maxVerbs)
	}
	if err := sized(args); err != nil {
		return "", err
	}
	return within(fmt.Sprintf(format, args...), nil)
}

// maxVerbs bounds the verbs of one format.
const maxVerbs = 64

func bounded(format func(...any) string, args []any) (string, error) {
	if err := sized(args); err != nil {
		return "", err
	}
	return within(format(args...), nil)
}

func escaped(escape func(string) string, args []any) (string, error) {
	text, err := bounded(fmt.Sprint, args)
	if err != nil {
		return "", err
	}
	return within(escape(text), nil)
}

func within(text string, err error) (string, error) {
	if err == nil && len(text) > maxText {
		err = ErrText
	}
	if err != nil {
		return "", err
	}
	return text, nil
}

// sized returns an error if arguments have more text than a result may have.
func sized(args []any) error {
	left := maxText
	for _, a := range args {
		if s, ok := a.(string); ok {
			left -= len(s)
		}
	}
	if left < 0 {
		return ErrText
	}
	return nil
}
