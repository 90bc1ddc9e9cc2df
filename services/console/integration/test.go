package integration

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// testView is the result of a test as the pane shows it.
type testView struct {
	client.IntegrationTest
	Steps []step
}

// step is a line of the result. Kind is ok, warn, bad or todo. Text follows Title as it is.
type step struct {
	Kind, Title, Text string
	App               *application // whose token was shown; nil: none
}

// application is an application and the beginning of its audience.
type application struct{ ID, Name, Audience string }

// audienceShown is how much of an audience is shown: it only helps to tell applications apart.
const audienceShown = 8

// expiresSoon is the rest of a certificate's validity from which it is marked.
const expiresSoon = 14 * 24 * time.Hour

func testNew(r *frame.Request) error {
	form, err := r.Form()
	if err != nil {
		return err
	}
	return runTest(r, &detail{New: true, Form: form}, bodyOf(form, nil))
}

func testStored(r *frame.Request) error {
	form, s, body, err := edited(r)
	if err != nil {
		return err
	}
	return runTest(r, &detail{state: s, Form: form}, body)
}

// runTest tests the form, and saves it if the test passed and the form asks for it.
func runTest(r *frame.Request, d *detail, body map[string]any) error {
	if !d.Form.OK() {
		return page(r, d, http.StatusUnprocessableEntity)
	}
	item, err := r.API.TestIntegration(r.Context(), client.IntegrationTestRequest{IntegrationID: d.ID, Integration: body})
	if refused(d.Form, err) {
		return page(r, d, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	d.Test = &testView{item.Value, stepsOf(&item.Value, r.Now)}
	if r.URL.Query().Get("then") != "save" || d.Test.Error != "" {
		return page(r, d, 0)
	}
	return d.saveTested(r, body)
}

// saveTested saves a form that passed its test.
func (d *detail) saveTested(r *frame.Request, body map[string]any) error {
	saved, err := d.store(r.Context(), r, body)
	if refused(d.Form, err) {
		return page(r, d, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	if d.New {
		return r.Redirect(root+"/"+saved.Value.ID, "Tested and saved. The first poll begins now.")
	}
	d.Integration, d.Form, d.Saved = saved.Value, formOf(saved.Value, saved.Revision), true
	return page(r, d, 0)
}

func (d *detail) store(ctx context.Context, r *frame.Request, body map[string]any) (client.Item[client.Integration],
	error) {
	if d.New {
		return r.API.Integrations.Create(ctx, body)
	}
	return r.API.Integrations.Replace(ctx, d.ID, d.Form.Value(fieldRevision), body)
}

// stepsOf returns the steps of a test.
func stepsOf(v *client.IntegrationTest, now time.Time) []step {
	steps := []step{connectionStep(v, now)}
	if c := v.Credential; c != nil {
		steps = append(steps, credentialStep(c))
	}
	if v.Connection != nil && v.Connection.Failure == "" {
		steps = append(steps, responseStep(v))
	}
	if v.Error == "" {
		steps = append(steps, deviceStep(v))
	}
	return steps
}

func connectionStep(v *client.IntegrationTest, now time.Time) step {
	c := v.Connection
	switch {
	case c == nil:
		return step{Kind: "bad", Title: "No call was made"}
	case c.Failure != "":
		return step{Kind: "bad", Title: "Not connected", Text: " " + withCertificate(c.Address, c.Certificate)}
	}
	text := fmt.Sprintf(" %s in %s", c.Address, took(c.ResolvedMS+c.ConnectedMS+c.HandshakeMS))
	if c.Proxied {
		text += " through a proxy"
	}
	if c.TLSVersion == "" {
		return step{Kind: "ok", Title: "Connected", Text: text + ", without TLS"}
	}
	s := step{Kind: "ok", Title: "Connected", Text: withCertificate(text+", "+c.TLSVersion, c.Certificate)}
	if c.Certificate != nil && c.Certificate.NotAfter.Sub(now) < expiresSoon {
		s.Kind = "warn"
	}
	return s
}

func withCertificate(text string, c *client.TestCertificate) string {
	if c == nil {
		return text
	}
	if !c.Trusted {
		return fmt.Sprintf("%s, certificate of %s, issued by %s, valid from %s to %s", text, c.Subject, c.Issuer,
			c.NotBefore.UTC().Format(time.DateOnly), c.NotAfter.UTC().Format(time.DateOnly))
	}
	return text + ", certificate valid to " + c.NotAfter.UTC().Format(time.DateOnly)
}

func credentialStep(c *client.TestCredential) step {
	s := step{Kind: "todo", Text: " not tested", Title: "Client ID and Secret"}
	if c.ApplicationID != nil {
		s.Title = "Application token"
		s.App = &application{*c.ApplicationID, c.ApplicationName, c.Audience[:min(len(c.Audience), audienceShown)]}
	}
	switch c.Status {
	case "accepted":
		s.Kind, s.Text = "ok", " accepted"
	case "refused":
		s.Kind, s.Text = "bad", " refused"
	}
	s.Title += s.Text
	if s.Text = ""; c.Detail != "" {
		s.Text = " " + c.Detail
	}
	return s
}

func responseStep(v *client.IntegrationTest) step {
	r := v.Response
	if r == nil {
		return step{Kind: "bad", Title: "No response"}
	}
	s := step{Kind: "ok", Title: fmt.Sprint(r.Status), Text: fmt.Sprintf(" in %s, %s", took(r.TookMS), bytes(r.Size))}
	if r.Unread {
		s.Text += ", not read to its end"
	}
	if v.Error != "" {
		s.Kind = "bad"
	}
	return s
}

func deviceStep(v *client.IntegrationTest) step {
	if v.Asked == 0 {
		return step{Kind: "todo", Title: "No devices asked", Text: ", because none is enrolled"}
	}
	s := step{Kind: "ok", Title: fmt.Sprintf("%d devices asked, %d answered", v.Asked, v.Answered),
		Text: fmt.Sprintf(", %d missing, %d invalid", v.Missing, v.Invalid)}
	if v.Unknown > 0 {
		s.Text += fmt.Sprintf(", %d others answered", v.Unknown)
	}
	if v.Answered < v.Asked {
		s.Kind = "warn"
	}
	return s
}

func took(ms float64) string {
	if ms < 1 {
		return "less than 1 ms"
	}
	return fmt.Sprintf("%.0f ms", ms)
}

func bytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.0f KB", float64(n)/1000)
}

// Condition returns the condition of a check, such as "≥ 60".
func (*testView) Condition(c client.TestedCheck) string {
	operator := map[string]string{">=": "≥", "<=": "≤", "==": "="}[c.Operator]
	return fmt.Sprintf("%s %g", cmp.Or(operator, c.Operator), c.Score)
}

// Pill returns the kind and the text of a decision about a device.
func (v *testView) Pill(d client.TestedDevice, n int) [2]string {
	if n >= len(d.Checks) {
		return [2]string{"unk", "Unknown"}
	}
	switch d.Checks[n].Outcome {
	case "pass":
		return [2]string{"pass", "Pass"}
	case "fail":
		return [2]string{"fail", "Fail"}
	}
	switch d.Problem {
	case "missing":
		return [2]string{"unk", "Missing"}
	case "invalid_score":
		return [2]string{"unk", "Invalid"}
	}
	return [2]string{"unk", "Unknown"}
}
