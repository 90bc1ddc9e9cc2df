package frame_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/frame"
)

const focusing = `{{define "form"}}<h1>Form</h1><form>{{input . "name" "Name" "autofocus"}}{{select . "kind" "Kind" nil}}` +
	`{{area . "text" "Text"}}{{checkbox . "sure" "Sure"}}{{input . "off" "Off" "disabled"}}` +
	`{{input . "second" "Second" "autofocus=false"}}</form>{{end}}`

var focusSet = frame.Parse(fstest.MapFS{"form.html": {Data: []byte(focusing)}})

// A form begins at the field that its template names, or at the first one that is wrong. A disabled field is left out.
func TestFocusOfAForm(t *testing.T) {
	for wrong, want := range map[string]string{"": "f-name", "kind": "f-kind", "text": "f-text", "sure": "f-sure",
		"off second": "f-second", "text kind": "f-kind", "elsewhere": ""} {
		c := consoletest.New(t, nil, func(f *frame.Frame) {
			f.Get("/form", func(r *frame.Request) error {
				form := frame.NewForm()
				for _, name := range strings.Fields(wrong) {
					form.Fail(name, "Wrong.")
				}
				return r.Page(frame.Page{Title: "Form", Set: focusSet, Name: "form", Data: form})
			})
		})
		var at []string
		page := c.Get("/form").Has(http.StatusOK, "Form")
		for _, name := range []string{"input", "select", "textarea"} {
			at = append(at, page.With(name, "autofocus", "id")...)
		}
		if !slices.Equal(at, strings.Fields(want)) {
			t.Errorf("with %q wrong, the focus is at %q", wrong, at)
		}
	}
}
