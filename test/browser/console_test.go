//go:build browser

package browser

import (
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"plumbline.dev/test/internal/stack"
)

// A member opens the console behind the gateway: she logs in at the provider, the console knows who she is, and the
// audit log names her. A person whom only the policy lets in is told that she is no member. After a logout at the
// gateway the console is closed.
func TestAMemberOpensTheConsoleThroughTheGateway(t *testing.T) {
	w := &fixture{T: t}
	var err error
	w.plumb, err = stack.New("up", filepath.Join(t.TempDir(), "data"))
	w.do(err)
	_, port, err := net.SplitHostPort(w.plumb.Access)
	w.do(err)
	w.team = "http://team.localhost:" + port
	w.plumb.Args = append(w.plumb.Args, "--team-domain", w.team)
	w.plumb.Start(t)
	w.plumb.AwaitReady(t)
	w.control, err = w.plumb.Control()
	w.do(err)
	w.issuer = startProvider(t, w.team+"/cdn-cgi/access/callback")
	w.idp = w.newIDP("Example")
	app, err := w.control.CreateGuarded(t.Context(), stack.Guarded{Name: "console", Domain: "console.localhost",
		Origin: "http://" + w.plumb.Console, Policies: []any{stack.Policy("people", "allow",
			[]any{map[string]any{"email_domain": map[string]any{"domain": "example.com"}}})}})
	w.do(err)
	_, err = w.plumb.Process().Interrupt(30 * time.Second * stack.Slowness())
	w.do(err)
	w.plumb.Args = append(w.plumb.Args, "--console-aud", app.AUD)
	w.plumb.Start(t)
	w.plumb.AwaitReady(t)
	at := "http://console.localhost:" + port
	stack.Until(t, 30*time.Second, "the console's application is known", func() error {
		v, err := stack.NewVisitor(t, w.plumb.Access, "", nil).Get(t.Context(), at+"/")
		if err == nil && v.Status != http.StatusFound {
			err = errors.New(v.Body)
		}
		return err
	})

	b := newTab(t)
	b.is("without a session", b.opens(at+"/tokens"), http.StatusOK, w.issuer+"/interaction/", "Log in")
	b.is("no member yet", b.logsIn(ada, password), http.StatusForbidden, at+"/tokens",
		"is not a member of the account")

	var roles []struct{ ID, Name string }
	w.do(w.control.Call(t.Context(), http.MethodGet, "/roles", nil, &roles))
	var editor string
	for _, r := range roles {
		if r.Name == "Editor" {
			editor = r.ID
		}
	}
	w.do(w.control.Call(t.Context(), http.MethodPost, "/members",
		map[string]any{"email": ada, "roles": []string{editor}}, nil))
	stack.Until(t, 30*time.Second, "the console knows the member", func() error {
		if p := b.opens(at + "/tokens"); p.Status != http.StatusOK || p.URL != at+"/tokens" {
			return errors.New(p.URL + ": " + p.Text)
		}
		return nil
	})
	b.is("a page", b.opens(at+"/tokens/new"), http.StatusOK, at+"/tokens/new", "Generate token")
	b.run("the form", chromedp.SetValue(chromedp.CSS("#f-name"), "hers"))
	b.is("a change", b.clicks("#main form[action='/tokens'] button[type=submit]"), http.StatusOK, at+"/tokens", "hers")
	// She is an editor.
	p := b.opens(at + "/members")
	b.is("what she may not change", p, http.StatusOK, at+"/members", "Your role may not change members")

	stack.Until(t, 30*time.Second, "the audit log names her", func() error {
		var entries []struct {
			Actor struct{ Email string } `json:"actor"`
		}
		err := w.control.Call(t.Context(), http.MethodGet, "/logs/audit?actor_email="+ada, nil, &entries)
		if err == nil && len(entries) == 0 {
			err = errors.New("it has no entry of hers")
		}
		return err
	})

	b.is("logout", b.opens(at+"/cdn-cgi/access/logout"), http.StatusOK, at+"/cdn-cgi/access/logout",
		"You are logged out")
	b.is("after the logout", b.opens(at+"/overview"), http.StatusOK, w.issuer+"/interaction/", "Log in")
}
