package integration

import (
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

// step is a line of the result. Kind is ok, warn, bad or todo.
type step struct{ Kind, Title, Text string }

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
		return r.Redirect(root+"/"+saved.ID, "Tested and saved. The first poll begins now.")
	}
	d.Integration, d.Form, d.Saved = saved, formOf(saved), true
	return page(r, d, 0)
}

func (d *detail) store(ctx context.Context, r *frame.Request, body map[string]any) (client.Integration, error) {
	if d.New {
		item, err := r.API.Integrations.Create(ctx, body)
		return item.Value, err
	}
	item, err := r.API.Integrations.Update(ctx, d.ID, body)
	return item.Value, err
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
		return step{"bad", "No call was made", ""}
	case c.Failure != "":
		return step{"bad", "Not connected", withCertificate(c.Address, c.Certificate)}
	}
	text := fmt.Sprintf("%s in %s", c.Address, took(c.ResolvedMS+c.ConnectedMS+c.HandshakeMS))
	if c.Proxied {
		text += " through a proxy"
	}
	if c.TLSVersion == "" {
		return step{"ok", "Connected", text + ", without TLS"}
	}
	s := step{"ok", "Connected", withCertificate(text+", "+c.TLSVersion, c.Certificate)}
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
	what, detail := "Client ID and Secret", c.Detail
	if c.Kind == "application_token" {
		what = "Application token"
		if detail == "" {
			detail = fmt.Sprintf("audience %s of application %s", c.Audience, c.ApplicationName)
		}
	}
	switch c.Status {
	case "accepted":
		return step{"ok", what + " accepted", detail}
	case "refused":
		return step{"bad", what + " refused", detail}
	}
	return step{"todo", what + " not tested", detail}
}

func responseStep(v *client.IntegrationTest) step {
	r := v.Response
	if r == nil {
		return step{"bad", "No response", ""}
	}
	s := step{"ok", fmt.Sprint(r.Status), fmt.Sprintf("in %s, %s", took(r.TookMS), bytes(r.Size))}
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
		return step{"todo", "No devices asked", "no device is enrolled"}
	}
	s := step{"ok", fmt.Sprintf("%d devices asked, %d answered", v.Asked, v.Answered),
		fmt.Sprintf("%d missing, %d invalid", v.Missing, v.Invalid)}
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
