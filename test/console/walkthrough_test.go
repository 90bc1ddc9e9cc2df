//go:build browser

package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline.dev/test/internal/stack"
	"plumbline.dev/test/scorer"
)

// TestWalkthrough goes through every step of the way from a service token to an application that asks for a healthy
// device: once by mouse and once by keyboard alone.
func TestWalkthrough(t *testing.T) {
	p, err := stack.New("up", t.TempDir()+"/data")
	if err != nil {
		t.Fatal(err)
	}
	p.Start(t)
	p.AwaitReady(t)
	control, err := p.Control()
	if err != nil {
		t.Fatal(err)
	}
	devices := strings.NewReader("hostname,serial_number\nlaptop-1,W1\nlaptop-2,W2\n")
	if _, err := control.ImportCSV(t.Context(), devices); err != nil {
		t.Fatal(err)
	}
	t.Run("mouse", func(t *testing.T) {
		b := newTab(t, "http://"+p.Console)
		w := walkthrough{b, mouse{b}, p, control, "by mouse"}
		w.goThrough()
	})
	t.Run("keyboard", func(t *testing.T) {
		b := newTab(t, "http://"+p.Console)
		w := walkthrough{b, keyboard{b}, p, control, "by keyboard"}
		w.goThrough()
	})
}

type walkthrough struct {
	*tab
	hand    hand
	plumb   *stack.Plumb
	control *stack.Control
	name    string // of everything that is made
}

// on waits until the page with a title has a text.
func (w walkthrough) on(title, text string) {
	w.Helper()
	w.sees(title+" with "+text, fmt.Sprintf(`plain(document.querySelector('h1')?.innerText ?? '').startsWith(%q) &&
	  plain(document.getElementById('main').innerText).includes(%q)`, title, text))
}

// reads returns what a page shows in an element.
func (w walkthrough) reads(id string) string {
	w.Helper()
	return script[string](w.tab, fmt.Sprintf(`document.getElementById(%q).innerText`, id))
}

// open leads to a page of the navigation.
func (w walkthrough) open(name string) {
	w.Helper()
	w.hand.press(name)
	w.on(name, "")
}

// begins waits until the focus is at the first field of a form.
func (w walkthrough) begins(label string) {
	w.Helper()
	w.sees("the focus at "+label, fmt.Sprintf("document.activeElement === field(%q)", label))
}

// goThrough uses links and buttons only: no address is typed.
func (w walkthrough) goThrough() {
	w.Helper()
	h := w.hand
	w.look(1440, "light")
	w.link(w.plumb.Data)
	h.press("Log in")

	// A service token.
	w.open("Tokens and keys")
	h.press("Create service token")
	w.begins("Service token name")
	h.write("Service token name", w.name)
	h.press("Generate token")
	w.on(w.name, "Copy the Client Secret now.")
	id, secret := w.reads("client-id"), w.reads("secret-value")

	// The application of the scoring API, with a Service Auth policy.
	var api scorer.API
	url := api.Listen(w.T)
	w.open("Applications")
	h.press("Add application")
	w.begins("Application name")
	h.write("Application name", w.name)
	h.write("Hosts", strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/score"))
	h.press("Save and add a policy")
	w.on("New policy", "Nobody gets in until the application has a policy.")
	w.begins("Policy name")
	h.write("Policy name", "Fetchers "+w.name)
	h.choose("Decision", "Service Auth")
	h.choose("Include rule 1: selector", "Service token")
	h.write("Include rule 1: value", w.name)
	h.press("Save policy")
	w.on(w.name, "Fetchers "+w.name)
	api.Tokens = &scorer.Tokens{Certs: w.plumb.Certs(), Issuer: w.plumb.Issuer(), AUD: w.reads("aud")}

	// The custom service provider, with Test and save.
	w.open("Integrations")
	h.press("Add integration")
	w.begins("Name")
	h.write("Name", w.name)
	h.write("REST API URL", url)
	h.write("Access client ID", id)
	h.write("Access client secret", secret)
	h.press("Test and save")
	w.on(w.name, "Tested and saved.")

	// The posture check.
	w.open("Checks")
	h.press("Add check")
	w.begins("Name")
	h.write("Name", "Check "+w.name)
	h.choose("Integration", w.name)
	h.write("Score", "60")
	h.press("Save")
	w.on("Check "+w.name, "Policies can require it now.")

	// Logs > Posture.
	stack.Until(w.T, time.Minute, "the posture log has the check", func() error {
		w.open("Posture log")
		found, err := w.asks(fmt.Sprintf(`document.getElementById('main').innerText.includes(%q)`, "Check "+w.name))
		if !found {
			return errors.Join(errNotThere, err)
		}
		return nil
	})

	// The check in a policy.
	w.open("Applications")
	h.press(w.name)
	w.on(w.name, "Audience tag")
	h.press("Fetchers " + w.name)
	h.choose("Require rule 1: selector", "Posture check passed")
	h.write("Require rule 1: value", "Check "+w.name)
	h.press("Save policy")
	w.on(w.name, "Check "+w.name)
	w.sound(w.name)
	w.requires()
}

// requires fails the test unless the policy requires the check, as the control plane has it.
func (w walkthrough) requires() {
	w.Helper()
	var apps []struct {
		Name     string `json:"name"`
		Policies []struct {
			Decision string          `json:"decision"`
			Require  json.RawMessage `json:"require"`
		} `json:"policies"`
	}
	w.do(w.control.Call(w.Context(), http.MethodGet, "/access/apps", nil, &apps))
	for _, a := range apps {
		if a.Name == w.name {
			if len(a.Policies) != 1 || a.Policies[0].Decision != "non_identity" ||
				!strings.Contains(string(a.Policies[0].Require), "device_posture") {
				w.Errorf("%+v", a)
			}
			return
		}
	}
	w.Errorf("no application has the name %s: %+v", w.name, apps)
}
