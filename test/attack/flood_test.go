package attack

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"plumbline.dev/test/internal/oidc"
	"plumbline.dev/test/internal/stack"
)

// Addresses of the floods, and of the users beside them.
const (
	flooding  = "127.0.0.20"
	crowding  = "127.0.0.22"
	bystander = "127.0.0.21"
)

// withCode is a callback's URL with another code.
func withCode(t *testing.T, callback, code string) string {
	t.Helper()
	u, err := url.Parse(callback)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("code", code)
	u.RawQuery = q.Encode()
	return u.String()
}

// callbackAt begins a login at an identity provider and returns the link that the provider sends the browser back to.
func (b *browser) callbackAt(t *testing.T, idp string) string {
	t.Helper()
	a, _ := b.visitPage(t, "http://"+peopleHost+"/page")
	callback, _, _ := b.walk(t, a.Header.Get("Location")+"&idp="+idp, "/cdn-cgi/access/callback?")
	if callback == "" {
		t.Fatalf("no login at %s begins: %d %v", idp, a.Status, a.Header)
	}
	return callback
}

// One login causes one call to the provider, for any number of codes, and an address sending codes without end does not
// prevent other logins.
func TestAFloodOfOneLogin(t *testing.T) {
	w := under
	w.provider.LogIn("ada@example.com")
	b := w.browserAt(flooding)
	callback, _, _ := b.walk(t, "http://"+peopleHost+"/page", "/cdn-cgi/access/callback?")
	redeemed, busy := w.provider.Redeemed(), 0
	for range 200 {
		a, arrived := b.visitPage(t, withCode(t, callback, "junk"))
		if a.Status < 400 || len(arrived) > 0 {
			t.Fatalf("a junk code: %d, %d arrived", a.Status, len(arrived))
		}
		if a.Status == http.StatusServiceUnavailable {
			busy++
		}
	}
	if n := w.provider.Redeemed() - redeemed; n > 1 {
		t.Errorf("one login caused %d calls to the provider", n)
	}
	if busy == 0 {
		t.Error("an address may bring codes without end")
	}
	other := w.browserAt(bystander)
	if _, a, arrived := other.walk(t, "http://"+peopleHost+"/page", ""); a.Status != http.StatusOK || len(arrived) != 1 {
		t.Errorf("beside the flood a login ends with %d %s", a.Status, a.Body)
	}
}

// An unresponsive provider affects neither logins at another provider nor, if flooded from one address, those of other
// addresses.
func TestAFloodAtOneProvider(t *testing.T) {
	const each = 16 // calls of one address that may be under way at one provider: a quarter of 64
	w := under
	slow, err := oidc.New(w.plumb.Issuer()+"/cdn-cgi/access/callback", clientID, clientSecret)
	if err != nil {
		t.Fatal(err)
	}
	w.others = append(w.others, slow.URL)
	var made, first struct{ ID string }
	var all []struct{ ID string }
	if err := w.control.Call(t.Context(), "GET", "/access/identity_providers", nil, &all); err != nil || len(all) != 1 {
		t.Fatalf("%v, %d providers", err, len(all))
	}
	first.ID = all[0].ID
	if err := w.control.Call(t.Context(), "POST", "/access/identity_providers",
		map[string]any{"name": "Slow", "type": "oidc",
			"config": map[string]any{"client_id": clientID, "client_secret": clientSecret, "x_issuer": slow.URL}},
		&made); err != nil {
		t.Fatal(err)
	}
	offered := func(want bool) {
		t.Helper()
		if err := stack.AskUntil(10*time.Second*stack.Slowness(), func() error {
			a, _ := w.browser().visitPage(t, "http://"+peopleHost+"/page")
			login, _ := w.browser().visitPage(t, a.Header.Get("Location"))
			if got := strings.Contains(login.Body, made.ID); got != want { // with one provider it redirects
				return io.ErrNoProgress
			}
			return nil
		}); err != nil {
			t.Fatalf("the second provider is offered: want %t: %v", want, err)
		}
	}
	offered(true)
	defer func() {
		if err := w.control.Call(t.Context(), "DELETE", "/access/identity_providers/"+made.ID, nil, nil); err != nil {
			t.Error(err)
		}
		offered(false)
	}()
	release := slow.Hold()
	defer release()
	statuses := make(chan int, each+8)
	finish := func(b *browser, callback string) {
		u, err := url.Parse(callback)
		if err != nil {
			t.Fatal(err)
		}
		c := w.dial(t, b.from)
		if _, err := io.WriteString(c, request("GET", u.Host, u.RequestURI(), "Cookie: "+b.cookies(u.Host))); err != nil {
			t.Fatal(err)
		}
		go func() {
			answers, _ := read(c)
			if len(answers) == 0 { // the connection ended with the test, or its time was up
				answers = []answer{{}}
			}
			statuses <- answers[0].Status
		}()
	}
	waiting := func(want int) {
		t.Helper()
		if err := stack.AskUntil(10*time.Second*stack.Slowness(), func() error {
			if slow.Waiting() != want {
				return io.ErrNoProgress
			}
			return nil
		}); err != nil {
			t.Fatalf("%d calls wait at the provider, want %d", slow.Waiting(), want)
		}
	}
	b, other := w.browserAt(crowding), w.browserAt(bystander)
	var callbacks []string
	for range each + 4 {
		callbacks = append(callbacks, b.callbackAt(t, made.ID))
	}
	late := other.callbackAt(t, made.ID)
	for _, callback := range callbacks {
		finish(b, callback)
	}
	for range 4 {
		if status := <-statuses; status != http.StatusServiceUnavailable {
			t.Errorf("a call beyond the address's share: %d", status)
		}
	}
	waiting(each)
	finish(other, late)
	waiting(each + 1)
	// The same address, at the other provider.
	if _, a, arrived := b.walk(t, b.callbackAt(t, first.ID), ""); a.Status != http.StatusOK || len(arrived) != 1 {
		t.Errorf("at the other provider a login ends with %d %s", a.Status, a.Body)
	}
}
