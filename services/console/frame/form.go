package frame

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"plumbline.dev/services/plumb/client"
)

// maxForm is the largest form, in bytes.
const maxForm = 1 << 20

// Form holds the values of a form and what is wrong with them.
type Form struct {
	Values  url.Values
	Errors  map[string]string // by field
	Problem string            // of the whole form
	focused bool              // a field has the focus
}

// NewForm returns a form with values, such as those of a stored resource: names and values in turn.
func NewForm(pairs ...string) *Form {
	f := &Form{Values: url.Values{}, Errors: map[string]string{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.Values.Set(pairs[i], pairs[i+1])
	}
	return f
}

// Form returns the form that the request posts.
func (r *Request) Form() (*Form, error) {
	r.Body = http.MaxBytesReader(r.W, r.Body, maxForm)
	err := r.ParseForm()
	if err != nil {
		return nil, &Problem{Status: http.StatusBadRequest, Title: "The form could not be read", Text: sentence(err.Error())}
	}
	return &Form{Values: r.PostForm, Errors: map[string]string{}}, nil
}

// Value returns the value of a field, without spaces around it.
func (f *Form) Value(name string) string { return strings.TrimSpace(f.Values.Get(name)) }

// Is reports whether a box is ticked.
func (f *Form) Is(name string) bool { return f.Values.Get(name) != "" }

// Fail notes what is wrong with a field, and returns the form. The name "" is the whole form.
func (f *Form) Fail(name, text string) {
	if name == "" {
		f.Problem = text
		return
	}
	f.Errors[name] = text
}

// OK reports whether nothing is wrong.
func (f *Form) OK() bool { return f.Problem == "" && len(f.Errors) == 0 }

// invalidPrefix begins the API's messages about invalid requests.
const invalidPrefix = "access.api.error.invalid_request: "

// Refused notes why the API rejected the values, and reports whether it did. Other errors are the page's.
func (f *Form) Refused(err error) bool {
	e, ok := errors.AsType[*client.Error](err)
	values := []int{http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity}
	if !ok || !slices.Contains(values, e.Status) {
		return false
	}
	message := strings.TrimPrefix(e.Message, invalidPrefix)
	name, text, _ := strings.Cut(message, ": ")
	name = strings.TrimPrefix(name, "config.")
	if text != "" && f.Values.Has(name) {
		f.Fail(name, sentence(text))
	} else {
		f.Fail("", sentence(message))
	}
	return true
}

// Choice is an option of a select.
type Choice struct{ Value, Text string }

// choices returns options of values and texts in turn.
func choices(pairs ...string) []Choice {
	var all []Choice
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, Choice{pairs[i], pairs[i+1]})
	}
	return all
}

// control is a field of a form, as the components show it.
type control struct {
	Name, ID, Label, Value, Error, Hint, Type       string
	Placeholder, Min, Max, Step, Pattern, List      string
	Autocomplete, Class, Rows, MaxLength, InputMode string
	Required, Disabled, ReadOnly, Checked, Focus    bool
	Choices                                         []Choice
}

// DescribedBy returns the ids of the texts that describe the field.
func (c control) DescribedBy() string {
	var ids []string
	if c.Error != "" {
		ids = append(ids, c.ID+"-error")
	}
	if c.Hint != "" {
		ids = append(ids, c.ID+"-hint")
	}
	return strings.Join(ids, " ")
}

// field renders a field. The options are name=value, or one of required, disabled, readonly, autofocus, which may be
// followed by =false.
func field(kind string, f *Form, name, label string, all []Choice, options []string) (template.HTML, error) {
	if f == nil {
		f = NewForm()
	}
	c := control{Name: name, ID: "f-" + strings.ReplaceAll(name, ".", "-"), Label: label, Value: f.Values.Get(name),
		Error: f.Errors[name], Type: "text", Choices: all, Checked: f.Is(name), Rows: "4"}
	for _, option := range options {
		if err := c.set(option); err != nil {
			return "", fmt.Errorf("field %s: %w", name, err)
		}
	}
	c.Focus = f.focus(&c)
	return part(kind, c)
}

// focus reports whether a field gets the focus: the first one that is wrong, or else the one with the option.
func (f *Form) focus(c *control) bool {
	if c.Disabled || f.focused || c.Error == "" && (len(f.Errors) > 0 || !c.Focus) {
		return false
	}
	f.focused = true
	return true
}

// set sets an option of the field.
func (c *control) set(option string) error {
	name, value, _ := strings.Cut(option, "=")
	texts := map[string]*string{"hint": &c.Hint, "type": &c.Type, "placeholder": &c.Placeholder, "min": &c.Min,
		"max": &c.Max, "step": &c.Step, "pattern": &c.Pattern, "list": &c.List, "autocomplete": &c.Autocomplete,
		"class": &c.Class, "rows": &c.Rows, "maxlength": &c.MaxLength, "id": &c.ID, "value": &c.Value, "inputmode": &c.InputMode}
	flags := map[string]*bool{"required": &c.Required, "disabled": &c.Disabled, "readonly": &c.ReadOnly,
		"autofocus": &c.Focus}
	if p := texts[name]; p != nil {
		*p = value
		return nil
	}
	if p := flags[name]; p != nil {
		*p = value != "false"
		return nil
	}
	return fmt.Errorf("unknown option %q", option)
}
