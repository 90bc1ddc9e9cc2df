package gate

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/keycache"
	"plumbline.dev/services/internal/policy"
)

func with(h http.Header, more ...string) http.Header {
	h = maps.Clone(h)
	if h == nil {
		h = http.Header{}
	}
	for i := 0; i < len(more); i += 2 {
		h[more[i]] = append(h[more[i]][:len(h[more[i]]):len(h[more[i]])], more[i+1])
	}
	return h
}

// TestAnswersWithoutSufficientCredentials is the table of api/README.md 8.5; rows in lenient mode say so.
func TestAnswersWithoutSufficientCredentials(t *testing.T) {
	w := newFixture(t)
	service := w.policy(proto.DecisionNonIdentity, w.robot())
	allow := w.policy(proto.DecisionAllow, emailRule("ada@example.com"))
	only, both := w.app("only.example.com", proto.Gate{}, service), w.app("both.example.com", proto.Gate{}, service, allow)
	w.app("only401.example.com", proto.Gate{Refuse401: true}, service)
	w.app("both401.example.com", proto.Gate{Refuse401: true}, service, allow)
	wrong := http.Header{idHeader: {w.token.ClientID}, secretHeader: {"cfast_wrong"}}
	xhr := http.Header{"X-Requested-With": {"XMLHttpRequest"}, "Origin": {"https://spa.example.com"}}
	upgrade := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Key": {"x"}}
	foreign := w.logIn("ada@example.com", only)
	for _, c := range []struct {
		name             string
		h                http.Header
		host             string
		lenient, strict  int
		reason           policy.Reason // in lenient mode
		strictReason     policy.Reason
		challenge, knows bool
	}{
		{"nothing", nil, "only", 403, 403, policy.CredentialsRequired, policy.CredentialsRequired, false, true},
		{"nothing", nil, "both", 302, 302, policy.LoginRequired, policy.LoginRequired, true, false},
		{"XHR", xhr, "only", 403, 403, policy.CredentialsRequired, policy.CredentialsRequired, false, true},
		{"XHR", xhr, "both", 401, 401, policy.LoginRequired, policy.LoginRequired, true, true},
		{"WebSocket", upgrade, "only", 403, 403, policy.CredentialsRequired, policy.CredentialsRequired, false, true},
		{"WebSocket", upgrade, "both", 302, 302, policy.LoginRequired, policy.LoginRequired, true, false},
		{"wrong secret", wrong, "only", 403, 401, policy.WrongSecret, policy.WrongSecret, false, true},
		{"wrong secret", wrong, "both", 302, 401, policy.WrongSecret, policy.WrongSecret, true, false},
		{"JSON", http.Header{"Accept": {"application/json"}}, "both", 302, 302, policy.LoginRequired, policy.LoginRequired, true, false},
		{"sat", nil, "only401", 401, 401, policy.CredentialsRequired, policy.CredentialsRequired, false, true},
		{"sat", nil, "both401", 401, 401, policy.LoginRequired, policy.LoginRequired, true, true},
		{"another application's token", http.Header{"Cf-Access-Token": {foreign}}, "both", 302, 302, policy.BadToken, policy.BadToken, true, false},
		{"another application's cookie", http.Header{"Cookie": {"CF_Authorization=" + foreign}}, "both", 302, 302, policy.LoginRequired, policy.LoginRequired, true, false},
		{"an application token, no Allow policy", http.Header{"Cf-Access-Token": {foreign}}, "only", 403, 403, policy.CredentialsRequired, policy.CredentialsRequired, false, true},
	} {
		for _, lenient := range []bool{true, false} {
			w.save(topology.KindOrganization, topology.OrganizationID(w.account), &proto.Organization{Lenient: lenient})
			status, reason, mode := c.strict, c.strictReason, "strict"
			if lenient {
				status, reason, mode = c.lenient, c.reason, "lenient"
			}
			a := w.ask("GET", "https://"+c.host+".example.com/a/b?x=1", c.h)
			if a.Admitted() || a.Response.Status != status || a.Decision.Reason != reason {
				t.Errorf("%s, %s, %s: %v", c.name, c.host, mode, a.Decision.Reason)
				if a.Response != nil {
					t.Errorf("\tstatus %d, want %d", a.Response.Status, status)
				}
				continue
			}
			h := a.Response.Header
			if h.Get("Cache-Control") == "" || h.Get("Cf-Ray") != a.Ray {
				t.Errorf("%s, %s, %s: headers %v", c.name, c.host, mode, h)
			}
			want := ""
			if status == 302 || c.challenge && reason == policy.LoginRequired {
				want = `Cloudflare-Access resource_metadata="https://` + c.host +
					`.example.com/.well-known/cloudflare-access-protected-resource/a/b"`
			}
			if got := h.Get("Www-Authenticate"); got != want {
				t.Errorf("%s, %s, %s: challenge %q, want %q", c.name, c.host, mode, got, want)
			}
			if status != 302 && (len(h.Get("Cf-Access-Aud")) != 64 || h.Get("Cf-Access-Domain") != c.host+".example.com") {
				t.Errorf("%s, %s, %s: %v does not say which application", c.name, c.host, mode, h)
			}
			if a.Response.Status != 302 && !strings.Contains(string(a.Response.Body), reasonShown(reason)) {
				t.Errorf("%s, %s, %s: the page does not name %v", c.name, c.host, mode, reason)
			}
		}
	}
	if a := w.ask("GET", "https://both.example.com/",
		xhr); a.Response.Header.Get("Access-Control-Allow-Origin") != "https://spa.example.com" {
		t.Errorf("a script cannot read the answer: %v", a.Response.Header)
	}
	w.login.nowhere = true
	if a := w.ask("GET", "https://both.example.com/", nil); a.Response.Status != 403 ||
		a.Decision.Reason != policy.NoProvider {
		t.Errorf("with no provider: %d %v", a.Response.Status, a.Decision.Reason)
	}
	_ = both
}

func reasonShown(r policy.Reason) string {
	if r == policy.WrongSecret {
		r = policy.UnknownCredentials
	}
	return r.String()
}

// TestServiceTokenStatus: the login is told whether credentials were right (api/README.md 8.5, meta).
func TestLenientMode(t *testing.T) {
	w := newFixture(t)
	w.save(topology.KindOrganization, topology.OrganizationID(w.account), &proto.Organization{Lenient: true})
	service, allow := w.policy(proto.DecisionNonIdentity, w.robot()),
		w.policy(proto.DecisionAllow, emailRule("ada@example.com"))
	app := w.app("app.example.com", proto.Gate{SameSite: "lax"}, service, allow)
	people := w.app("people.example.com", proto.Gate{}, allow)

	a := w.ask("GET", "https://app.example.com/", w.credentials())
	if !a.Admitted() || a.Assertion == "" || len(a.SetCookies) != 1 || a.SetCookies[0].Value != a.Assertion {
		t.Errorf("credentials in lenient mode: %+v", a)
	}
	// A valid session counts although the request also has invalid service credentials.
	ada := w.logIn("ada@example.com", app)
	a = w.ask("GET", "https://app.example.com/",
		with(http.Header{idHeader: {w.token.ClientID}}, "Cookie", "CF_Authorization="+ada))
	if !a.Admitted() || a.Decision.Reason != policy.Allow || a.Email != "ada@example.com" || a.Assertion != ada {
		t.Errorf("a session beside half-given credentials: %+v", a)
	}
	// Valid credentials of a service token unknown to the application.
	if a = w.ask("GET", "https://people.example.com/", w.credentials()); a.Response == nil || a.Response.Status != 302 ||
		!w.login.status {
		t.Errorf("right credentials of nobody's policy: %+v, status %v", a, w.login.status)
	}
	if a = w.ask("GET", "https://people.example.com/",
		with(w.credentials(), secretHeader, "again")); a.Response.Status != 302 || w.login.status {
		t.Errorf("duplicated credentials: %+v, status %v", a, w.login.status)
	}
	// An application token of a service, for an application with an Allow policy.
	token := w.keys.issue(app.AUD, &keycache.Claims{Type: "app", CommonName: w.token.ClientID, IssuedAt: w.clock.Now(),
		Expires: w.clock.Now().Add(time.Hour)})
	if a = w.ask("GET", "https://app.example.com/", http.Header{"Cf-Access-Token": {token}}); !a.Admitted() ||
		a.Assertion != token || a.Identity.ClientID != w.token.ClientID {
		t.Errorf("a service's application token: %+v", a)
	}
	w.token.Disabled = true
	w.saveToken()
	if a = w.ask("GET", "https://app.example.com/", http.Header{"Cf-Access-Token": {token}}); a.Admitted() {
		t.Error("the application token of a service token that is turned off was taken")
	}
	_ = people
}

// TestStrictMode is api/README.md 8.6.
func TestStrictMode(t *testing.T) {
	w := newFixture(t)
	other := proto.NewID()
	service := w.policy(proto.DecisionNonIdentity, w.robot())
	stranger := w.policy(proto.DecisionNonIdentity, rule("service_token", map[string]string{"token_id": other.String()}))
	allow, bypass := w.policy(proto.DecisionAllow, everyone()),
		w.policy(proto.DecisionBypass, rule("ip", map[string]string{"ip": "192.0.2.0/24"}))
	app := w.app("app.example.com", proto.Gate{TokenHeader: "Authorization"}, service, allow)
	w.app("custom.example.com", proto.Gate{TokenHeader: "X-Robot"}, service)
	w.app("stranger.example.com", proto.Gate{}, stranger, allow)
	w.app("open.example.com", proto.Gate{}, bypass)
	ada := w.logIn("ada@example.com", app)
	single := `{"cf-access-client-id":"` + w.token.ClientID + `","cf-access-client-secret":"` + w.secret + `"}`
	right := w.credentials()
	for _, c := range []struct {
		name, host string
		h          http.Header
		status     int // 0: admitted
		reason     policy.Reason
	}{
		{"right", "app", right, 0, policy.ServiceAuth},
		{"single", "app", http.Header{"Authorization": {single}}, 0, policy.ServiceAuth},
		{"single, spaces, other order", "app", http.Header{"Authorization": {` { "cf-access-client-secret" : "` + w.secret + `", "cf-access-client-id": "` + w.token.ClientID + `"} `}}, 0, policy.ServiceAuth},
		{"single of its own", "custom", http.Header{"X-Robot": {single}}, 0, policy.ServiceAuth},
		{"right, beside a bearer token of the origin's", "app", with(right, "Authorization", "Bearer origin"), 0, policy.ServiceAuth},
		{"not authorised", "stranger", right, 403, policy.NoPolicyHolds},
		{"not authorised, with a session", "stranger", with(right, "Cookie", "CF_Authorization="+ada), 403, policy.NoPolicyHolds},
		{"bypass", "open", right, 0, policy.Bypass},
		{"wrong, where a bypass holds", "open", with(nil, idHeader, w.token.ClientID, secretHeader, "no"), 401, policy.WrongSecret},
		{"wrong secret, with a session", "app", with(nil, idHeader, w.token.ClientID, secretHeader, "no", "Cookie", "CF_Authorization="+ada), 401, policy.WrongSecret},
		{"unknown id", "app", with(nil, idHeader, "0123456789abcdef0123456789abcdef.access", secretHeader, w.secret), 401, policy.UnknownCredentials},
		{"an id that cannot be a key", "app", with(nil, idHeader, "*.>", secretHeader, w.secret), 401, policy.UnknownCredentials},
		{"only the id", "app", with(nil, idHeader, w.token.ClientID), 401, policy.MalformedCredentials},
		{"only the secret", "app", with(nil, secretHeader, w.secret), 401, policy.MalformedCredentials},
		{"empty secret", "app", with(nil, idHeader, w.token.ClientID, secretHeader, ""), 401, policy.MalformedCredentials},
		{"empty id", "app", with(nil, idHeader, "", secretHeader, w.secret), 401, policy.MalformedCredentials},
		{"two ids", "app", with(right, idHeader, w.token.ClientID), 401, policy.MalformedCredentials},
		{"two secrets", "app", with(right, secretHeader, w.secret), 401, policy.MalformedCredentials},
		{"an underscore beside", "app", with(right, "Cf_access_client_id", w.token.ClientID), 401, policy.MalformedCredentials},
		{"underscores only", "app", with(nil, "Cf_access_client_id", w.token.ClientID, "Cf_access_client_secret", w.secret), 401, policy.MalformedCredentials},
		{"both forms", "app", with(right, "Authorization", single), 401, policy.BothHeaders},
		{"both forms, one half", "app", with(nil, idHeader, w.token.ClientID, "Authorization", single), 401, policy.BothHeaders},
		{"single twice", "app", http.Header{"Authorization": {single, single}}, 401, policy.MalformedCredentials},
		{"single beside a bearer token", "app", http.Header{"Authorization": {"Bearer x", single}}, 401, policy.MalformedCredentials},
		{"single with an underscore", "custom", http.Header{"X_robot": {single}}, 401, policy.MalformedCredentials},
		{"single, a name in two cases", "app", http.Header{"Authorization": {strings.Replace(single, "{", `{"CF-Access-Client-Id":"x",`, 1)}}, 401, policy.MalformedCredentials},
		{"single, half", "app", http.Header{"Authorization": {`{"cf-access-client-id":"` + w.token.ClientID + `"}`}}, 401, policy.MalformedCredentials},
		{"single, a name twice", "app", http.Header{"Authorization": {strings.Replace(single, "{", `{"cf-access-client-id":"x",`, 1)}}, 401, policy.MalformedCredentials},
		{"single, one more", "app", http.Header{"Authorization": {strings.Replace(single, "{", `{"x":"y",`, 1)}}, 401, policy.MalformedCredentials},
		{"single, another case", "app", http.Header{"Authorization": {strings.Replace(single, "cf-a", "CF-A", 1)}}, 0, policy.ServiceAuth},
		{"single, something behind", "app", http.Header{"Authorization": {single + "{}"}}, 401, policy.MalformedCredentials},
		{"single, a number", "app", http.Header{"Authorization": {`{"cf-access-client-id":1,"cf-access-client-secret":"x"}`}}, 401, policy.MalformedCredentials},
		{"single of its own, not JSON", "custom", http.Header{"X-Robot": {"hello"}}, 401, policy.MalformedCredentials},
		{"Authorization is the origin's", "app", http.Header{"Authorization": {"Bearer origin"}}, 302, policy.LoginRequired},
		{"Authorization is JSON of the origin's", "app", http.Header{"Authorization": {`{"a":1}`}}, 302, policy.LoginRequired},
	} {
		a := w.ask("POST", "https://"+c.host+".example.com/", c.h)
		status := 0
		if a.Response != nil {
			status = a.Response.Status
		}
		if a.Decision.Reason != c.reason || status != c.status {
			t.Errorf("%s: %v with %d, want %v with %d", c.name, a.Decision.Reason, status, c.reason, c.status)
		}
		if c.status == 0 && len(a.SetCookies) > 0 {
			t.Errorf("%s: a cookie in strict mode", c.name)
		}
		if want := c.reason == policy.ServiceAuth; (a.Assertion != "") != want || a.Email != "" {
			t.Errorf("%s: assertion %q, email %q", c.name, a.Assertion, a.Email)
		}
		if strings.HasPrefix(c.name, "single") && c.host == "app" != (len(a.Drop) == 1 && a.Drop[0] == "Authorization") &&
			c.host == "app" {
			t.Errorf("%s: drops %v", c.name, a.Drop)
		}
		if strings.HasPrefix(c.name, "Authorization") && len(a.Drop) > 0 {
			t.Errorf("%s: drops %v", c.name, a.Drop)
		}
	}
}

// TestTokensOfPeople lists the requirements of a user's application token.
func TestTokensOfPeople(t *testing.T) {
	w := newFixture(t)
	allow := w.policy(proto.DecisionAllow, emailRule("ada@example.com"), emailRule("bob@example.com"))
	app := w.app("app.example.com", proto.Gate{}, allow)
	bound := w.app("bound.example.com", proto.Gate{CookieBinding: true}, allow)
	ada, bob, eve := w.logIn("ada@example.com", app), w.logIn("bob@example.com", app), w.logIn("eve@example.com", app)
	tied := w.logIn("ada@example.com", bound)
	cookie := func(values ...string) http.Header { return http.Header{"Cookie": {strings.Join(values, "; ")}} }
	for _, c := range []struct {
		name   string
		host   string
		h      http.Header
		reason policy.Reason
	}{
		{"cookie", "app", cookie("a=b", "CF_Authorization="+ada, "c=d"), policy.Allow},
		{"cf-access-token", "app", http.Header{"Cf-Access-Token": {ada}}, policy.Allow},
		{"assertion", "app", http.Header{assertionHeader: {ada}}, policy.Allow},
		{"authorization", "app", http.Header{"Authorization": {"Bearer " + ada}}, policy.LoginRequired},
		{"not admitted", "app", cookie("CF_Authorization=" + eve), policy.PersonNotAdmitted},
		{"a forged one before", "app", cookie("CF_Authorization=forged", "CF_Authorization="+ada), policy.Allow},
		{"somebody else's beside", "app", cookie("CF_Authorization="+bob, "CF_Authorization="+ada), policy.BadToken},
		{"two of the same person", "app", cookie("CF_Authorization="+ada, "CF_Authorization="+ada), policy.Allow},
		{"two app sessions", "app", cookie("CF_Authorization="+ada, "CF_AppSession=x", "CF_AppSession=y"), policy.BadRequest},
		{"an app session twice", "app", cookie("CF_Authorization="+ada, "CF_AppSession=x", "CF_AppSession=x"), policy.Allow},
		{"another case", "app", cookie("cf_authorization=" + ada), policy.LoginRequired},
		{"an underscore", "app", http.Header{"Cf_access_token": {ada}}, policy.LoginRequired},
		{"bound", "bound", cookie("CF_Authorization="+tied, "CF_Binding=bound to "+tied), policy.Allow},
		{"bound to another", "bound", cookie("CF_Authorization="+tied, "CF_Binding=bound to x"), policy.BadToken},
		{"not bound", "bound", cookie("CF_Authorization=" + tied), policy.BadToken},
		{"two bindings", "bound", cookie("CF_Authorization="+tied, "CF_Binding=x", "CF_Binding=bound to "+tied), policy.Allow},
	} {
		a := w.ask("GET", "https://"+c.host+".example.com/", c.h)
		if a.Decision.Reason != c.reason {
			t.Errorf("%s: %v, want %v", c.name, a.Decision.Reason, c.reason)
		}
		if a.Admitted() && (a.Assertion != ada && a.Assertion != tied || a.Email != "ada@example.com") {
			t.Errorf("%s: as %q with %q", c.name, a.Email, a.Assertion)
		}
	}
	w.clock.Advance(time.Second)
	app.Gate.RevokedAt = proto.At(w.clock.Now())
	w.save(topology.KindApplication, app.ID, app)
	if a := w.ask("GET", "https://app.example.com/", cookie("CF_Authorization="+ada)); a.Admitted() {
		t.Error("a token from before the revocation was taken")
	}
	w.clock.Advance(time.Second)
	again := w.logIn("ada@example.com", app)
	if a := w.ask("GET", "https://app.example.com/", cookie("CF_Authorization="+again)); !a.Admitted() {
		t.Errorf("a token from after the revocation: %v", a.Decision.Reason)
	}
	delete(w.people, w.keys.tokens[again].Nonce)
	if a := w.ask("GET", "https://app.example.com/", cookie("CF_Authorization="+again)); a.Admitted() {
		t.Error("a token of a session that has ended was taken")
	}
}

func TestPosture(t *testing.T) {
	w := newFixture(t)
	check := proto.NewID()
	w.save(topology.KindCheck, check,
		&proto.Check{ID: check, Name: "Score at least 80", Remediation: "Start the *agent*."})
	p := &proto.Policy{ID: proto.NewID(), Decision: proto.DecisionAllow, Include: []proto.Rule{everyone()},
		Require: []proto.Rule{postureRule(check)}}
	w.save(topology.KindPolicy, p.ID, p)
	robots := &proto.Policy{ID: proto.NewID(), Decision: proto.DecisionNonIdentity, Include: []proto.Rule{w.robot()},
		Require: []proto.Rule{postureRule(check)}}
	w.save(topology.KindPolicy, robots.ID, robots)
	app := w.app("app.example.com", proto.Gate{}, robots, p)
	h := http.Header{"Cookie": {"CF_Authorization=" + w.logIn("ada@example.com", app)}, "Accept": {"application/json"}}

	if a := w.ask("GET", "https://app.example.com/", h); a.Decision.Reason != policy.DeviceUnknown {
		t.Errorf("no device: %v", a.Decision.Reason)
	}
	w.devices.behind = proto.NewID()
	if a := w.ask("GET", "https://app.example.com/", h); a.Decision.Reason != policy.PostureUnknown {
		t.Errorf("a device that was never looked at: %v", a.Decision.Reason)
	}
	looked := w.clock.Now().Add(-12 * time.Second)
	w.devices.posture[check] = Posture{Outcome: proto.OutcomePass, LookedAt: looked}
	if a := w.ask("GET", "https://app.example.com/", h); !a.Admitted() || a.Device != w.devices.behind {
		t.Errorf("a device that passes: %v", a.Decision.Reason)
	}
	if a := w.ask("GET", "https://app.example.com/", w.credentials()); !a.Admitted() {
		t.Errorf("a service on a device that passes: %v", a.Decision.Reason)
	}
	if v := w.keys.asked[0].Vouched; v == nil || v.Device != w.devices.behind || len(v.Postures) != 1 ||
		v.Postures[0].Outcome != proto.OutcomePass {
		t.Errorf("the exchange is not told of the device: %+v", v)
	}
	if noted := w.log.take(); len(noted) == 0 || !noted[len(noted)-1].Check.IsZero() ||
		noted[len(noted)-1].Posture != "" {
		t.Errorf("noted of a pass by the score %+v", noted)
	}
	for _, why := range []proto.Reason{proto.ReasonObserveOnly, proto.ReasonExempt, proto.ReasonGrace, proto.ReasonHeld} {
		w.devices.posture[check] = Posture{Outcome: proto.OutcomePass, Reason: why, LookedAt: looked}
		if a := w.ask("GET", "https://app.example.com/", h); !a.Admitted() {
			t.Errorf("a device that passes, %v: %v", why, a.Decision.Reason)
		}
		if noted := w.log.take(); len(noted) != 1 || noted[0].Check != check || noted[0].Posture != why.String() {
			t.Errorf("noted of a pass, %v: %+v", why, noted)
		}
	}
	w.devices.posture[check] = Posture{Outcome: proto.OutcomeFail, Reason: proto.ReasonScore, LookedAt: looked}
	a := w.ask("GET", "https://app.example.com/", h)
	if a.Decision.Reason != policy.PostureFailed || a.Response.Status != 403 {
		t.Fatalf("a device that fails: %v", a.Decision.Reason)
	}
	var body struct {
		Check struct {
			Name, Outcome, Remediation string
			LookedAt                   time.Time `json:"looked_at"`
		}
	}
	if err := json.Unmarshal(a.Response.Body, &body); err != nil || body.Check.Name != "Score at least 80" ||
		body.Check.Remediation != "Start the *agent*." || body.Check.Outcome != "fail" || !body.Check.LookedAt.Equal(looked) {
		t.Errorf("answer %s: %v", a.Response.Body, err)
	}
	if noted := w.log.take(); len(noted) != 1 || noted[0].Check != check || noted[0].Reason != "posture_failed" ||
		noted[0].Posture != "score" ||
		noted[0].Ray != a.Ray ||
		noted[0].Device != w.devices.behind || noted[0].Email != "ada@example.com" {
		t.Errorf("noted %+v", noted)
	}
}

// TestWhatIsRecorded: api/README.md 4.4 and 8.6.
func TestWhatIsRecorded(t *testing.T) {
	w := newFixture(t)
	app := w.app("app.example.com", proto.Gate{OptionsBypass: true}, w.policy(proto.DecisionNonIdentity, w.robot()))
	w.app("open.example.com", proto.Gate{}, w.policy(proto.DecisionBypass, everyone()))
	for _, c := range []struct {
		name, method, url string
		h                 http.Header
		reason            string // empty: nothing is recorded
	}{
		{"admitted", "GET", "https://app.example.com/", w.credentials(), "service_auth"},
		{"nobody", "GET", "https://app.example.com/", nil, "credentials_required"},
		{"wrong secret", "GET", "https://app.example.com/", with(nil, idHeader, w.token.ClientID, secretHeader, "no"), "wrong_secret"},
		{"unknown id", "GET", "https://app.example.com/", with(nil, idHeader, "nobody", secretHeader, "no"), ""},
		{"malformed", "GET", "https://app.example.com/", with(nil, idHeader, w.token.ClientID), ""},
		{"bypass", "GET", "https://open.example.com/", nil, ""},
		{"preflight", "OPTIONS", "https://app.example.com/", with(nil, "Origin", "https://x.example", "Access-Control-Request-Method", "PUT"), ""},
		{"no application", "GET", "https://none.example.com/", nil, ""},
	} {
		a := w.ask(c.method, c.url, c.h)
		noted := w.log.take()
		if c.reason == "" {
			if len(noted) != 0 {
				t.Errorf("%s: recorded %+v", c.name, noted)
			}
			continue
		}
		if len(noted) != 1 || noted[0].Reason != c.reason || noted[0].Application != app.ID ||
			noted[0].Allowed != a.Admitted() || noted[0].IP != "192.0.2.7" ||
			noted[0].Host != "app.example.com" || (noted[0].ClientID != "") != (c.h != nil) {
			t.Errorf("%s: recorded %+v", c.name, noted)
		}
	}
	if len(w.log.notes) != 1 {
		t.Errorf("use of tokens noted %d times", len(w.log.notes))
	}
}

func TestNothingIsDecidedByWhatIsTooOld(t *testing.T) {
	w := newFixture(t)
	w.app("open.example.com", proto.Gate{}, w.policy(proto.DecisionBypass, everyone()))
	w.stale = true
	a := w.ask("GET", "https://open.example.com/", nil)
	if a.Admitted() || a.Response.Status != 503 || a.Decision.Reason != policy.Stale ||
		a.Response.Header.Get("Retry-After") == "" {
		t.Errorf("answer %+v", a)
	}
}

func TestOnlySelfHostedApplicationsAreServed(t *testing.T) {
	w := newFixture(t)
	app := w.app("app.example.com", proto.Gate{}, w.policy(proto.DecisionBypass, everyone()))
	app.Type = "saas"
	w.save(topology.KindApplication, app.ID, app)
	if a := w.ask("GET", "https://app.example.com/", nil); a.Admitted() || a.Response.Status != 404 {
		t.Errorf("answer %+v", a)
	}
}

func TestDescribesApplications(t *testing.T) {
	w := newFixture(t)
	app := w.app("app.example.com", proto.Gate{}, w.policy(proto.DecisionNonIdentity, w.robot()))
	a := w.ask("HEAD", "https://app.example.com/x", http.Header{"Cf-Access-Metadata-Request": {"true"}})
	if a.Admitted() || a.Response.Status != 200 ||
		a.Response.Header.Get("Cf-Access-Metadata") != "statement match app.example.com" ||
		a.Response.Header.Get("Cf-Access-Aud") != app.AUD {
		t.Errorf("answer %+v", a.Response)
	}
	w.keys.fail = keycache.ErrBudget
	if a = w.ask("HEAD", "https://app.example.com/x",
		http.Header{"Cf-Access-Metadata-Request": {"true"}}); a.Response.Status != 403 {
		t.Errorf("without a statement: %d", a.Response.Status)
	}
}

func TestExchangeAway(t *testing.T) {
	w := newFixture(t)
	w.app("app.example.com", proto.Gate{}, w.policy(proto.DecisionNonIdentity, w.robot()))
	w.keys.fail = keycache.ErrUnavailable
	a := w.ask("GET", "https://app.example.com/", w.credentials())
	if a.Admitted() || a.Response.Status != 503 || a.Decision.Reason != policy.Unavailable || a.Assertion != "" {
		t.Errorf("answer %+v", a)
	}
}

func TestDenyPagesOfTheOwner(t *testing.T) {
	w := newFixture(t)
	allow, service := w.policy(proto.DecisionAllow, emailRule("ada@example.com")),
		w.policy(proto.DecisionNonIdentity, w.robot())
	gate := proto.Gate{DenyURL: "https://help.example.com/denied", NonIdentityDenyURL: "https://help.example.com/machines"}
	people, machines := w.app("people.example.com", gate, allow), w.app("machines.example.com", gate, service)
	gate.DenyURL = "javascript:alert(1)"
	bad := w.app("bad.example.com", gate, allow)
	eve := func(app *proto.Application) http.Header {
		return http.Header{"Cookie": {"CF_Authorization=" + w.logIn("eve@example.com", app)}}
	}
	for _, c := range []struct {
		name, host, method string
		h                  http.Header
		to                 string
	}{
		{"a person", "people", "GET", eve(people), "https://help.example.com/denied"},
		{"nobody", "machines", "GET", nil, "https://help.example.com/machines"},
		{"a person who posts", "people", "POST", eve(people), ""},
		{"a program", "machines", "GET", http.Header{"Accept": {"application/json"}}, ""},
		{"a service", "machines", "GET", with(nil, idHeader, w.token.ClientID, secretHeader, "no"), ""},
		{"a URL that is none", "bad", "GET", eve(bad), ""},
	} {
		a := w.ask(c.method, "https://"+c.host+".example.com/", c.h)
		if got := a.Response.Header.Get("Location"); got != c.to {
			t.Errorf("%s: sent to %q, want %q", c.name, got, c.to)
		}
	}
	_ = machines
}
