//go:build browser

package browser

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"plumbline.dev/proto"
	"plumbline.dev/test/internal/stack"
)

// atOnce is how soon after the posture log's entry a click is refused.
const atOnce = time.Second

// A person without a session goes to an application, logs in at the provider, and works, until her device
// fails its check: her next click is refused by a page that says which check it was and when it was last
// looked at. When the device is well again, so is she. The next application asks for no password; after a
// logout each does.
func TestAPersonWorksUntilHerDeviceFails(t *testing.T) {
	w := newFixture(t)
	only := map[string]any{"allowed_idps": []string{w.idp}}
	app := w.serve("app", only, stack.PostureRule(w.check.String()))
	second := w.serve("second", only)
	b := newTab(t)

	b.is("without a session", b.opens(app+"/page?n=0"), http.StatusOK, w.issuer+"/interaction/", "Log in")
	if c := b.cookies(app); c["CF_Authorization"] != nil || c["CF_AppSession"] == nil {
		t.Errorf("before the login the browser has %v", c)
	}
	b.is("with a wrong password", b.logsIn(ada, "wrong"), http.StatusOK, w.issuer+"/interaction/",
		"Wrong login or password.")
	b.is("with another's password", b.logsIn("bob@example.com", password), http.StatusOK, w.issuer+"/interaction/",
		"Wrong login or password.")
	b.is("with the right password", b.logsIn(ada, password), http.StatusOK, app+"/page?n=0",
		"Hello "+ada+" at app.localhost")
	mine := w.hasCookies(b, app)
	for range 3 {
		b.is("a click", b.clicks("#next"), http.StatusOK, app+"/page?n=1", "Hello "+ada)
	}

	// The device fails.
	failed := w.scores(10, proto.OutcomeFail)
	p := b.clicks("#next")
	for p.Status == http.StatusOK && time.Since(failed) < atOnce*stack.Slowness() {
		p = b.clicks("#next")
	}
	took := time.Since(failed)
	b.is("a click on a device that fails", p, http.StatusForbidden, app+"/page?n=1", "The device fails a posture check")
	if took > atOnce*stack.Slowness() {
		t.Errorf("refused %v after the log's entry", took)
	}
	t.Logf("refused, and the page shown, %v after the log's entry", took.Round(time.Millisecond))
	w.isExplained(b, p)
	b.is("a reload", b.does("reload", chromedp.Reload()), http.StatusForbidden, app+"/page?n=1", "Disk encryption")
	// It is this application that asks for the check: another, entered now for the first time, does not, nor does it ask
	// for a password.
	b.is("another application", b.opens(second+"/there"), http.StatusOK, second+"/there",
		"Hello "+ada+" at second.localhost")
	b.is("this one again", b.opens(app+"/"), http.StatusForbidden, app+"/", "Disk encryption")

	// It is well again.
	well := w.scores(90, proto.OutcomePass)
	for p = b.does("reload", chromedp.Reload()); p.Status != http.StatusOK && time.Since(well) < atOnce*stack.Slowness(); {
		p = b.does("reload", chromedp.Reload())
	}
	b.is("on a device that is well again", p, http.StatusOK, app+"/", "Hello "+ada)
	b.is("a click", b.clicks("#next"), http.StatusOK, app+"/page?n=1", "Hello "+ada)

	// A logout from one application ends the sessions in all.
	other := b.cookies(second)["CF_Authorization"]
	b.is("logout", b.opens(app+"/cdn-cgi/access/logout"), http.StatusOK, app+"/cdn-cgi/access/logout",
		"You are logged out")
	if c := b.cookies(app); c["CF_Authorization"] != nil {
		t.Errorf("after the logout the browser has %v", c)
	}
	for url, c := range map[string]*network.Cookie{app: mine, second: other} {
		v, err := stack.NewVisitor(t, w.plumb.Access, "", nil).Get(t.Context(), url+"/", asCookie(c)...)
		if err != nil || v.Status != http.StatusFound {
			t.Errorf("the cookie of %s after the logout: %d %v", url, v.Status, err)
		}
	}
	for _, url := range []string{second, app} {
		b.is("after the logout", b.opens(url+"/"), http.StatusOK, w.issuer+"/interaction/", "Log in")
	}
	b.is("the next login", b.logsIn(ada, password), http.StatusOK, app+"/", "Hello "+ada)
}

// hasCookies checks the attributes of a login's cookies, and returns the application's.
func (w *fixture) hasCookies(b *tab, app string) *network.Cookie {
	w.Helper()
	c, team := b.cookies(app), b.cookies(w.team)
	mine := c["CF_Authorization"]
	for what, c := range map[string]*network.Cookie{"the application's token": mine,
		"the application's session": c["CF_AppSession"], "the global token": team["CF_Authorization"],
		"the team domain's session": team["CF_Session"]} {
		if c == nil {
			w.Fatalf("%s is not there: %v", what, b.cookies(app))
		}
		// Over plain http there is no Secure, and browsers take None only with it.
		if !c.HTTPOnly || c.Secure || c.Path != "/" || c.SameSite != network.CookieSameSiteLax || c.Session ||
			strings.HasPrefix(c.Domain, ".") {
			w.Errorf("%s: %+v", what, c)
		}
	}
	if mine.Value == team["CF_Authorization"].Value || strings.Count(mine.Value, ".") != 2 {
		w.Errorf("the application's cookie is %q", mine.Value)
	}
	if ends := time.Until(time.Unix(int64(mine.Expires), 0)); ends < 55*time.Minute || ends > time.Hour {
		w.Errorf("the application's cookie ends in %v", ends)
	}
	if seen := b.script("document.cookie"); seen != "" {
		w.Errorf("scripts see the cookies %q", seen)
	}
	return mine
}

// isExplained checks the text of the deny page.
func (w *fixture) isExplained(b *tab, p page) {
	w.Helper()
	if name, outcome := b.text("#check"), b.text("#outcome"); name != "Disk encryption" || outcome != "fail" {
		w.Errorf("the page says of the check %q that it is %q", name, outcome)
	}
	at := ask(b, "#looked-at", chromedp.AttributeValue(chromedp.CSS("#looked-at"), "datetime")).Value
	looked, err := time.Parse(time.RFC3339, at)
	if ago := time.Since(looked); err != nil || ago < -time.Second || ago > time.Minute*stack.Slowness() {
		w.Errorf("the page says that it was looked at at %q, %v", at, err)
	}
	if reason := b.text("#reason"); reason != "posture_failed" {
		w.Errorf("the page says reason %q", reason)
	}
	// Its own style counts, though nothing else may be loaded.
	if style := b.script(`getComputedStyle(document.querySelector("main")).borderRadius`); style == "" || style == "0px" {
		w.Errorf("the page has no style: border-radius %q", style)
	}
	for _, part := range []string{ada, b.text("#ray"), "Log out"} {
		if part == "" || !strings.Contains(p.Text, part) {
			w.Errorf("the page does not say %q:\n%s", part, p.Text)
		}
	}
}

// With two providers she is asked which; where an application's cookie is for its own site only, she gets in
// from others' pages as well, by way of the global session.
func TestChoiceOfProviderAndStrictCookies(t *testing.T) {
	w := newFixture(t)
	w.newIDP("Second <b>provider</b>")
	app := w.serve("app", nil)
	strict := w.serve("strict", map[string]any{"same_site_cookie_attribute": "strict"})
	b := newTab(t)

	p := b.opens(app + "/")
	b.is("two providers", p, http.StatusOK, w.team+"/cdn-cgi/access/login/", "Log in to app")
	for _, name := range []string{"Log in with Example", "Log in with Second <b>provider</b>"} {
		if !strings.Contains(p.Text, name) {
			t.Errorf("there is no link %q:\n%s", name, p.Text)
		}
	}
	b.is("the chosen provider", b.clicks(`a[href*="idp="]`), http.StatusOK, w.issuer+"/interaction/", "Log in")
	b.is("the login", b.logsIn(ada, password), http.StatusOK, app+"/", "Hello "+ada)

	// A link on a page of another site.
	leave := func(to string) {
		t.Helper()
		b.script(`document.querySelector("#next").href = "` + to + `"`)
		b.run("a click", chromedp.Click(chromedp.CSS("#next")))
	}
	leave(strict + "/deep?x=1")
	arrives := func(path string) {
		t.Helper()
		stack.Until(t, 10*time.Second, "she arrives at "+path, func() error {
			if url := b.url(); url != strict+path {
				return errors.New("she is at " + url)
			}
			return nil
		})
		if got := b.text("#hello"); got != "Hello "+ada+" at strict.localhost:"+strict[strings.LastIndex(strict, ":")+1:] {
			t.Errorf("the application says %q", got)
		}
	}
	arrives("/deep?x=1")
	if c := b.cookies(strict)["CF_Authorization"]; c == nil || c.SameSite != network.CookieSameSiteStrict || !c.HTTPOnly {
		t.Errorf("the strict application's cookie: %+v", c)
	}
	b.is("a click within", b.clicks("#next"), http.StatusOK, strict+"/page?n=1", "Hello "+ada)
	// Again from outside: the cookie is there now, and does not come with the first request.
	b.is("back", b.opens(app+"/"), http.StatusOK, app+"/", "Hello "+ada)
	leave(strict + "/again")
	arrives("/again")
}
