package login

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/internal/policy"
)

const appURL = "https://app.example.test"

func TestPersonLogsIn(t *testing.T) {
	w := newFixture(t, teamURL)
	app := w.app("app.example.test", func(a *proto.Application) { a.SessionDuration = time.Hour })
	b := w.browser()

	first := b.get(appURL + "/reports?year=2026&q=a%20b")
	to, _ := url.Parse(first.next(t))
	if to.Scheme+"://"+to.Host != teamURL || to.Path != pathLogin+"app.example.test" ||
		to.Query().Get("kid") != app.Value.AUD ||
		to.Query().Get("meta") == "" || to.Query().Get("redirect_url") != "/reports?year=2026&q=a%20b" {
		t.Fatalf("redirected to %s", to)
	}
	if c := cookie(first.Response, cookieApp); c == nil || !c.HttpOnly || !c.Secure ||
		c.SameSite != http.SameSiteNoneMode || c.MaxAge != 86400 {
		t.Errorf("CF_AppSession: %+v", c)
	}
	last := b.follow(to.String())
	if last.StatusCode != http.StatusOK || last.body != "hello ada@example.com at /reports?year=2026&q=a%20b" {
		t.Fatalf("status %d, %s", last.StatusCode, last.body)
	}
	if w.idp.calls != 4 { // discovery, authorize, token, keys
		t.Errorf("%d calls of the provider", w.idp.calls)
	}
	got := w.records.last()
	if got.Action != proto.ActionLogin || !got.Allowed || got.Reason != "allow" || got.Email != "ada@example.com" ||
		got.Application != app.Value.ID ||
		got.IP != "192.0.2.7" || got.IDP != w.provider.ID || got.User.IsZero() {
		t.Errorf("recorded %+v", got)
	}
	asked := w.keys.asked
	if len(asked) != 2 || !asked[0].Application.IsZero() || asked[1].Application != app.Value.ID ||
		asked[1].Policy != (proto.ID{9}) ||
		asked[1].Session != asked[0].Session || !isNonce(asked[1].Session) {
		t.Errorf("asked of the exchange: %+v", asked)
	}
	s, ok := w.sessions.Session(w.account, asked[0].Session)
	if !ok || s.Email != "ada@example.com" || s.Name != "Ada" || len(s.AMR) != 1 || s.Subject != "s-1" {
		t.Errorf("session %+v, %t", s, ok)
	}
	var u proto.User
	if _, err := w.operator.Get(t.Context(), topology.Sessions, topology.UserKey(w.account, s.User), &u); err != nil ||
		u.Last.Nonce != s.Nonce {
		t.Errorf("person %+v, %v", u, err)
	}
	if u.ID != proto.DeriveID(w.account, "ada@example.com") {
		t.Error("a person's id is not made of her address")
	}
	// No code, state or secret stands in the log.
	for _, secret := range []string{w.idp.secret, "code=", "state="} {
		if strings.Contains(w.logs.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func cookie(r *http.Response, name string) *http.Cookie {
	for _, c := range r.Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// The second application uses the existing session; one that does not accept this provider asks for a login.
func TestGlobalSession(t *testing.T) {
	w := newFixture(t, teamURL)
	other := w.addIDP(teamURL)
	use := func(id proto.ID) func(*proto.Application) {
		return func(a *proto.Application) { a.Gate.IDPs = []proto.ID{id} }
	}
	w.app("app1.example.test", use(w.provider.ID))
	w.app("app2.example.test")
	w.app("app3.example.test", use(other.ID))
	w.app("app4.example.test", use(w.provider.ID))
	b := w.browser()
	b.follow("https://app1.example.test/")
	calls := w.idp.calls
	if got := b.follow("https://app2.example.test/x"); got.body != "hello ada@example.com at /x" || w.idp.calls != calls {
		t.Errorf("%s, %d calls of the provider, %d before", got.body, w.idp.calls, calls)
	}
	if got := b.follow("https://app3.example.test/"); got.body != "hello bob@example.org at /" {
		t.Errorf("through the provider of app3: %s", got.body)
	}
	// The organisation's duration bounds the global session from the moment it is set.
	b = w.browser()
	b.follow("https://app1.example.test/")
	w.put(topology.KindOrganization, topology.OrganizationID(w.account),
		&proto.Organization{SessionDuration: 10 * time.Minute})
	w.clock.Advance(11 * time.Minute)
	calls = w.idp.calls
	if b.follow("https://app4.example.test/"); w.idp.calls == calls {
		t.Error("a global session outlives the organisation's duration")
	}
}

func TestChoiceOfProvider(t *testing.T) {
	w := newFixture(t, teamURL)
	other := w.addIDP(teamURL)
	w.app("app.example.test")
	b := w.browser()
	at := b.get(b.get(appURL + "/p").next(t))
	if at.StatusCode != http.StatusOK || !strings.Contains(at.body, "Log in with Example") ||
		!strings.Contains(at.body, "Log in with Other") {
		t.Fatalf("no choice: %d %s", at.StatusCode, at.body)
	}
	if got := b.follow(at.url + "&idp=" + other.ID.String()); got.body != "hello bob@example.org at /p" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	w.browser().get(at.url+"&idp="+proto.NewID().String()).wantRefusal(t, policy.ProviderNotAllowed)
}

func TestNobodyCanLogIn(t *testing.T) {
	w := newFixture(t, teamURL)
	app := w.app("app.example.test", func(a *proto.Application) { a.Gate.IDPs = []proto.ID{proto.NewID()} })
	if answer := w.login.Redirect(t.Context(), &gate.Request{Method: "GET", URL: parse(t, appURL), Header: http.Header{}},
		app, false); answer != nil {
		t.Errorf("redirected: %+v", answer)
	}
}

func parse(t testing.TB, s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestPersonIsRefused(t *testing.T) {
	w := newFixture(t, teamURL)
	app := w.app("app.example.test")
	w.gate.decide = func(gate.Application, *proto.Session) policy.Decision {
		return policy.Decision{Reason: policy.PostureFailed, Policy: proto.ID{4}, Check: proto.ID{5}}
	}
	b := w.browser()
	if got := b.follow(appURL + "/"); got.StatusCode != http.StatusForbidden ||
		got.body != "refused: posture_failed ada@example.com" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if r := w.records.last(); r.Allowed || r.Reason != "posture_failed" || r.Check != (proto.ID{5}) ||
		r.Application != app.Value.ID {
		t.Errorf("recorded %+v", r)
	}
	// It is the application's own page, at the address that was asked for, and a reload decides again.
	if got := b.follow(appURL + "/x?y"); got.url != appURL+"/x?y" ||
		got.body != "refused: posture_failed ada@example.com" {
		t.Errorf("%s: %s", got.url, got.body)
	}
	if cookieHeader(b, appURL) != "" {
		t.Error("a person who is denied has a token")
	}
	// She has logged in all the same: the next application does not ask again.
	w.gate.decide = func(gate.Application, *proto.Session) policy.Decision { return policy.Decision{Reason: policy.Allow} }
	calls := w.idp.calls
	if got := b.follow(appURL + "/"); got.StatusCode != http.StatusOK || w.idp.calls != calls {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

// A denied user can log out at the application and log in as another user.
func TestLogoutOfADenied(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	w.gate.decide = func(gate.Application, *proto.Session) policy.Decision {
		return policy.Decision{Reason: policy.PersonNotAdmitted}
	}
	b := w.browser()
	b.follow(appURL + "/")
	if got := b.get(appURL + pathLogout); got.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	if to := b.until(appURL+"/", "/authorize"); !strings.HasPrefix(to, idpURL) {
		t.Errorf("after the logout she is sent to %s", to)
	}
	// A denial is for its application and its time only.
	other := w.app("app2.example.test")
	b = w.browser()
	b.follow(appURL + "/")
	carried := http.Header{}
	for _, c := range b.client.Jar.Cookies(parse(t, appURL)) {
		carried.Add("Cookie", c.String())
	}
	app, _ := w.gate.Find(parse(t, appURL+"/"))
	if _, ok := w.login.Denied(&gate.Request{Header: carried}, app); !ok {
		t.Error("the browser carries no denial")
	}
	if _, ok := w.login.Denied(&gate.Request{Header: carried}, other); ok {
		t.Error("it counts at another application")
	}
	w.clock.Advance(25 * time.Hour)
	if _, ok := w.login.Denied(&gate.Request{Header: carried}, app); ok {
		t.Error("it counts for ever")
	}
}

// A user admitted without a token is not redirected in a loop.
func TestAdmittedWithoutAToken(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	w.gate.decide = func(gate.Application, *proto.Session) policy.Decision {
		return policy.Decision{Reason: policy.Bypass}
	}
	if got := w.browser().follow(appURL + "/"); got.StatusCode != http.StatusOK ||
		!strings.Contains(got.body, `href="`+appURL+`/"`) {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}

func TestTwoTabs(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	b := w.browser()
	one, two := b.until(appURL+"/one", pathCallback), b.until(appURL+"/two", pathCallback)
	for url, want := range map[string]string{one: "hello ada@example.com at /one", two: "hello ada@example.com at /two"} {
		if got := b.follow(url); got.body != want {
			t.Errorf("%d %s", got.StatusCode, got.body)
		}
	}
}

func TestLogout(t *testing.T) {
	for _, at := range []string{appURL, teamURL} {
		t.Run(at, func(t *testing.T) {
			w := newFixture(t, teamURL)
			w.app("app.example.test")
			w.app("app2.example.test/eng", func(a *proto.Application) { a.Gate.CookiePath = true })
			b := w.browser()
			b.follow(appURL + "/")
			b.follow("https://app2.example.test/eng/")
			stolen := b.client.Jar.Cookies(parse(t, appURL))
			nonce := w.keys.asked[0].Session
			if ahead := (&browser{b.fixture, b.client, http.Header{"Sec-Purpose": {"prefetch"}}}).get(at +
				pathLogout); ahead.StatusCode != http.StatusForbidden {
				t.Errorf("fetched ahead: %d", ahead.StatusCode)
			}
			if _, ok := w.sessions.Session(w.account, nonce); !ok {
				t.Fatal("a browser that looked ahead ended the session")
			}
			out := b.get(at + pathLogout)
			if out.StatusCode != http.StatusOK {
				t.Fatalf("%d %s", out.StatusCode, out.body)
			}
			if c := cookie(out.Response, cookieToken); c == nil || c.MaxAge >= 0 {
				t.Errorf("the cookie stays: %+v", c)
			}
			if _, ok := w.sessions.Session(w.account, nonce); ok {
				t.Error("the session is still there")
			}
			// A copy of the cookie is worth nothing any more, at any application.
			thief := w.browser()
			thief.client.Jar.SetCookies(parse(t, appURL), stolen)
			if got := thief.get(appURL + "/"); got.StatusCode != http.StatusFound {
				t.Errorf("with the old cookie: %d %s", got.StatusCode, got.body)
			}
			if got := b.get("https://app2.example.test/eng/"); got.StatusCode != http.StatusFound {
				t.Errorf("at the other application: %d %s", got.StatusCode, got.body)
			}
			if r := w.records.last(); r.Action != proto.ActionLogout || r.Email != "ada@example.com" {
				t.Errorf("recorded %+v", r)
			}
		})
	}
}

// A session ended while its user is redirected to another application is not restored.
func TestLogoutIsFinal(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	w.app("app2.example.test", func(a *proto.Application) { a.SessionDuration = 7 * 24 * time.Hour })
	b := w.browser()
	b.follow(appURL + "/")
	nonce := w.keys.asked[0].Session
	h, _ := w.sessions.find(nonce)
	if err := w.operator.Delete(t.Context(), topology.Sessions, topology.SessionKey(w.account, nonce),
		h.revision); err != nil {
		t.Fatal(err)
	}
	app2 := parse(t, b.get("https://app2.example.test/").next(t))
	// Even if the view lags, the record stays deleted.
	b.get(app2.String())
	var s proto.Session
	if _, err := w.operator.Get(t.Context(), topology.Sessions, topology.SessionKey(w.account, nonce), &s); err == nil {
		t.Error("the session is back")
	}
	bustest.Eventually(t, "the view has no session", func() bool {
		_, ok := w.sessions.Session(w.account, nonce)
		return !ok
	})
}

func TestLongerApplicationSessionKeepsTheRecord(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	w.app("app2.example.test", func(a *proto.Application) { a.SessionDuration = 7 * 24 * time.Hour })
	b := w.browser()
	b.follow(appURL + "/")
	if got := b.follow("https://app2.example.test/"); got.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	s, _ := w.sessions.Session(w.account, w.keys.asked[0].Session)
	if d := s.ExpiresAt.Time().Sub(w.clock.Now()); d != 7*24*time.Hour {
		t.Errorf("the session lasts %s", d)
	}
	w.clock.Advance(25 * time.Hour)
	calls := w.idp.calls
	if b.follow(appURL + "/"); w.idp.calls == calls {
		t.Error("the global session lasts as long as an application's")
	}
}

func TestReturnTo(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	for to, want := range map[string]string{
		appURL + "/bye?x=1":                appURL + "/bye?x=1",
		appURL:                             appURL + "/",
		teamURL + "/":                      teamURL + "/",
		"https://evil.example/":            "",
		"//evil.example/":                  "",
		"/path":                            "",
		"javascript:alert(1)":              "",
		"https://app.example.test@evil/":   "",
		"https://u:p@app.example.test/":    "",
		"https://app.example.test:444/":    "",
		"https://app.example.test/\\evil":  "",
		"https://app.example.test//evil":   "",
		"https://app.example.test/#x":      "",
		"ftp://app.example.test/":          "",
		appURL + pathLogout:                "",
		"https://app.example.test.evil/":   "",
		"https://evil/https://app.example": "",
	} {
		got := w.browser().get(appURL + pathLogout + "?returnTo=" + url.QueryEscape(to))
		if loc := got.Header.Get("Location"); loc != want {
			t.Errorf("returnTo=%s leads to %q, %q wanted", to, loc, want)
		}
	}
}

func TestIdentity(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	check := proto.Check{ID: proto.NewID(), Name: "Score", Type: proto.TypeCustomS2S}
	w.put(topology.KindCheck, check.ID, &check)
	w.devices.device = proto.NewID()
	w.devices.found = map[proto.ID]gate.Posture{check.ID: {Outcome: proto.OutcomePass, LookedAt: w.clock.Now()}}
	b := w.browser()
	for _, at := range []string{appURL, teamURL} {
		if got := b.get(at + pathIdentity); got.StatusCode != http.StatusUnauthorized ||
			!strings.Contains(got.body, `"login_required"`) {
			t.Errorf("%s without a session: %d %s", at, got.StatusCode, got.body)
		}
	}
	b.follow(appURL + "/")
	for _, at := range []string{appURL, teamURL} {
		got := b.get(at + pathIdentity)
		for _, want := range []string{`"email":"ada@example.com"`, `"account_id":"` + w.account.String(),
			`"rule_name":"Score"`, `"success":true`,
			`"device_id":"` + w.devices.device.String(), `"type":"oidc"`, `"user_uuid":"` + proto.DeriveID(w.account, "ada@example.com").String()} {
			if got.StatusCode != http.StatusOK || !strings.Contains(got.body, want) {
				t.Errorf("%s: %d, %s is not in %s", at, got.StatusCode, want, got.body)
			}
		}
	}
	// Cookies of two different users identify neither.
	other := w.browser()
	w.idp.person = map[string]any{"sub": "m", "email": "mallory@example.com"}
	other.follow(appURL + "/")
	mixed := w.browser()
	mixed.header = http.Header{"Cookie": {cookieHeader(b, appURL) + "; " + cookieHeader(other, appURL)}}
	if got := mixed.get(appURL + pathIdentity); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("with two people's cookies: %d %s", got.StatusCode, got.body)
	}
	// A token of the team domain is none of an application, and the other way round.
	mixed.header = http.Header{"Cookie": {cookieHeader(b, teamURL)}}
	if got := mixed.get(appURL + pathIdentity); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("with the team domain's cookie at an application: %d %s", got.StatusCode, got.body)
	}
	mixed.header = http.Header{"Cookie": {cookieHeader(b, appURL)}}
	if got := mixed.get(teamURL + pathIdentity); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("with an application's cookie at the team domain: %d %s", got.StatusCode, got.body)
	}
}

func cookieHeader(b *browser, at string) string {
	var all []string
	for _, c := range b.client.Jar.Cookies(parse(b.t, at)) {
		if c.Name == cookieToken {
			all = append(all, c.Name+"="+c.Value)
		}
	}
	return strings.Join(all, "; ")
}

func TestPathsAndMethods(t *testing.T) {
	w := newFixture(t, teamURL)
	w.app("app.example.test")
	for url, want := range map[string]int{
		appURL + pathCallback: 404, appURL + pathLogin + "app.example.test": 404, teamURL + pathAuthorized: 404,
		teamURL + "/": 404, appURL + ourPaths + "/other": 404, appURL + pathAuthorized: 400, teamURL + pathCallback: 400,
	} {
		if got := w.browser().get(url); got.StatusCode != want {
			t.Errorf("%s: %d, %d wanted", url, got.StatusCode, want)
		}
	}
	for _, method := range []string{"POST", "HEAD", "DELETE", ""} {
		answer := w.login.Handle(t.Context(),
			&gate.Request{Method: method, URL: parse(t, appURL+pathLogout), Header: http.Header{}})
		if answer.Status != http.StatusMethodNotAllowed {
			t.Errorf("%q: %d", method, answer.Status)
		}
	}
}
