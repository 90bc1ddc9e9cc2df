package bodytemplate_test

import (
	"errors"
	"strings"
	"testing"

	"plumbline.dev/services/dispatcher/bodytemplate"
)

const event = `{"type":"posture.outcome.changed","data":{"to":"fail","count":2,"score":null,"truncated":false,
"devices":[{"device_id":"a\"<","score":7},{"device_id":"b","score":8}]}}`

func render(source string) (string, error) {
	t, err := bodytemplate.Parse(source)
	if err != nil {
		return "", err
	}
	out, err := t.Render([]byte(event))
	return string(out), err
}

func TestRender(t *testing.T) {
	for source, want := range map[string]string{
		`{"text": {{json (printf "%v devices now %s" .data.count .data.to)}}}`:                      `{"text": "2 devices now fail"}`,
		`[{{range $i, $d := .data.devices}}{{if $i}},{{end}}{{json $d.device_id}}{{end}}]`:          `["a\"\u003c","b"]`,
		`{{json (index .data.devices 1)}}`:                                                          `{"device_id":"b","score":8}`,
		`{"n": {{len .data.devices}}}`:                                                              `{"n": 2}`,
		`{{if eq .data.to "fail"}}1{{else}}2{{end}}`:                                                `1`,
		`{{with .data}}{{json .to}}{{end}}`:                                                         `"fail"`,
		`{{json .data.score}}`:                                                                      `null`,
		`{{define "x"}}{{json .}}{{end}}{{template "x" .type}}`:                                     `"posture.outcome.changed"`,
		`{{json (upper .data.to)}}`:                                                                 `"FAIL"`,
		`{{$ids := ""}}{{range .data.devices}}{{$ids = print $ids .score " "}}{{end}}{{json $ids}}`: `"7 8 "`,
		`{{range 3}}{{.}}{{end}}`:                                                                   `012x`,
	} {
		got, err := render(source)
		if want == "012x" { // not JSON: a number must not begin with 0
			if !errors.Is(err, bodytemplate.ErrJSON) {
				t.Errorf("%s: %s, %v", source, got, err)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%s: %s, %v", source, got, err)
		}
	}
}

// Each of these would run for ever, or fill the memory, in plain text/template.
func TestHostileTemplates(t *testing.T) {
	many := strings.Repeat("a", 40)
	doubling := `{{$x := "` + many + `"}}{{range 60}}{{$x = MAKE}}{{end}}{{json $x}}`
	exponential := `{{define "a0"}}{{end}}`
	for n := 1; n < 40; n++ {
		name := func(n int) string { return "a" + strings.Repeat("x", n) }
		exponential += `{{define "` + name(n) + `"}}{{template "` + name(n-1) + `"}}{{template "` + name(n-1) + `"}}{{end}}`
	}
	exponential = strings.ReplaceAll(exponential, `"a"`, `"a0"`) + `{{template "a` + strings.Repeat("x", 39) + `"}}`
	for name, c := range map[string]struct {
		source string
		err    error // nil: any
	}{
		"a loop without end":           {`{{range 9000000000000000000}}{{end}}1`, bodytemplate.ErrSteps},
		"loops in loops":               {`{{range 99999}}{{range 99999}}{{end}}{{end}}1`, bodytemplate.ErrSteps},
		"a loop that continues":        {`{{range 9000000000000000000}}{{continue}}{{end}}1`, bodytemplate.ErrSteps},
		"a template that calls itself": {`{{define "a"}}{{template "a"}}{{end}}{{template "a"}}`, nil},
		"templates that branch":        {exponential, bodytemplate.ErrSteps},
		"a long condition": {`{{range 9999}}{{if or ` + strings.Repeat("(eq 1 2) ", 500) + `}}{{end}}{{end}}1`,
			bodytemplate.ErrSteps},
		"output without end":            {`{{range 99999}}` + many + `{{end}}`, bodytemplate.ErrOutput},
		"a text that doubles":           {strings.Replace(doubling, "MAKE", "print $x $x", 1), bodytemplate.ErrText},
		"a line that doubles":           {strings.Replace(doubling, "MAKE", "println $x $x", 1), bodytemplate.ErrText},
		"a format that doubles":         {strings.Replace(doubling, "MAKE", `printf "%s%s" $x $x`, 1), bodytemplate.ErrText},
		"JSON that grows":               {strings.Replace(doubling, "MAKE", "json (print $x $x)", 1), bodytemplate.ErrText},
		"HTML that grows":               {strings.Replace(doubling, "MAKE", `html $x $x "<"`, 1), bodytemplate.ErrText},
		"scripts that grow":             {strings.Replace(doubling, "MAKE", `js $x $x "'"`, 1), bodytemplate.ErrText},
		"queries that grow":             {strings.Replace(doubling, "MAKE", `urlquery $x $x "%"`, 1), bodytemplate.ErrText},
		"a large width":                 {`{{json (printf "%999999d" 1)}}`, nil},
		"a width from an argument":      {`{{json (printf "%*d" 999999 1)}}`, nil},
		"a large precision":             {`{{json (printf "%.999999f" 1.0)}}`, nil},
		"an argument many times":        {`{{json (printf "` + strings.Repeat("%[1]s", 200) + `" .type)}}`, nil},
		"the counting function":         {`{{plumbline_step}}1`, nil},
		"the counting function, nested": {`{{if (not (plumbline_step))}}1{{end}}`, nil},
		"a function value":              {`{{call .type}}`, nil},
		"a long template":               {strings.Repeat(" ", bodytemplate.MaxSource) + "1", nil},
		"deep nesting":                  {strings.Repeat("{{if 1}}", 200) + "1" + strings.Repeat("{{end}}", 200), nil},
		"deep parentheses":              {"{{json " + strings.Repeat("(", 500) + "1" + strings.Repeat(")", 500) + "}}", nil},
		"no JSON":                       {`hello`, bodytemplate.ErrJSON},
		"injected JSON":                 {`{"a": "{{(index .data.devices 0).device_id}}"}`, bodytemplate.ErrJSON},
		"an unknown function":           {`{{env "HOME"}}`, nil},
	} {
		out, err := render(c.source)
		if err == nil || c.err != nil && !errors.Is(err, c.err) {
			t.Errorf("%s: %.100q, %v", name, out, err)
		}
	}
}

// A rendering does not change the template: its steps are counted anew.
func TestRenderTwice(t *testing.T) {
	tp, err := bodytemplate.Parse(`{{range 15000}}{{end}}1`)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if out, err := tp.Render([]byte(event)); err != nil || string(out) != "1" {
			t.Errorf("%s, %v", out, err)
		}
	}
}
