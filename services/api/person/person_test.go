package person_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
)

var administrator, editor, reader = permission.Roles[0].ID, permission.Roles[1].ID, permission.Roles[2].ID

const tags = "/access/tags"

// refusal returns the status and the code of a response, such as "403/10000".
func refusal(r apitest.Response) string {
	code := 0
	if len(r.Errors) > 0 {
		code = r.Errors[0].Code
	}
	return fmt.Sprintf("%d/%d", r.Status, code)
}

const (
	allowed      = "200/0"
	unknown      = "403/10000" // no valid credentials
	unauthorized = "403/9109"  // known, and not permitted
)

func TestPeopleHaveTheirRoles(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t, apitest.WithConsole)
	c := f.StartConsole()
	ada, eve, ron := c.Member(
		"Ada@Example.com",
		administrator,
	), c.Member(
		"eve@example.com",
		editor,
	), c.Member(
		"ron@example.com",
		reader,
	)
	for _, try := range []struct{ token, method, path, want string }{
		{ron, "GET", tags, allowed}, {ron, "POST", tags, unauthorized}, {ron, "DELETE", tags + "/a", unauthorized},
		{eve, "POST", tags, "201/0"}, {eve, "POST", "/members", unauthorized}, {eve, "GET", "/members", allowed},
		{eve, "POST", "/tokens", unauthorized}, {eve, "POST", "/access/identity_providers", unauthorized},
		{eve, "PUT", "/plumbline/observe", unauthorized}, {ada, "GET", "/tokens", allowed},
		{ada, "POST", "/members", "400/12130"}, {ada, "PUT", "/plumbline/observe", "400/12130"},
	} {
		body := map[string]any{"name": strings.ToLower(try.method)}
		if try.method == "GET" || try.method == "DELETE" {
			body = nil
		}
		var sent any = body
		if body == nil {
			sent = nil
		}
		if got := refusal(f.Through(try.token, try.method, try.path, sent)); got != try.want {
			t.Errorf("%s %s: %s, want %s", try.method, try.path, got, try.want)
		}
	}
	// The audit log names the person.
	var actor proto.Actor
	for _, e := range f.Events() {
		if e.Kind == "tag" {
			actor = e.Actor
		}
	}
	if actor.Type != "user" || actor.Email != "eve@example.com" || actor.Name != "Somebody" ||
		actor.ID != proto.DeriveID(f.Account, "eve@example.com").String() {
		t.Errorf("%+v", actor)
	}
	all, _ := f.List("/audit_logs?actor.email=eve@example.com")
	if len(all) != 1 || apitest.At(all[0], "actor", "type") != "user" {
		t.Errorf("%v", all)
	}
	newer, _ := f.List("/logs/audit?since=2020-01-01T00:00:00Z&before=2200-01-01T00:00:00Z&actor_email=eve@example.com")
	if len(newer) != 1 || apitest.At(newer[0], "actor", "type") != "user" ||
		apitest.At(newer[0], "actor", "context") != "dash" {
		t.Errorf("%v", newer)
	}
	me := f.Through(ada, "GET", "/plumbline/me", nil)
	var view map[string]any
	if json.Unmarshal(me.Result, &view) != nil || view["type"] != "user" || view["email"] != "ada@example.com" ||
		view["all"] != true || fmt.Sprint(apitest.At(view, "permissions", "members")) != "map[edit:true read:true]" {
		t.Errorf("%s", me.Body)
	}
	me = f.Through(ron, "GET", "/plumbline/me", nil)
	if json.Unmarshal(me.Result, &view) != nil || view["all"] != false ||
		fmt.Sprint(apitest.At(view, "permissions", "members")) != "map[edit:false read:true]" {
		t.Errorf("%s", me.Body)
	}
	if own := f.Want(200, "GET", "/plumbline/me", nil); own["type"] != "token" || own["all"] != true ||
		own["email"] != "" {
		t.Errorf("%v", own)
	}
	// Without an account in the path, the account is the console's.
	r := f.Send(f.PersonRequest(ron, "GET", "/client/v4/accounts", nil))
	if r.Status != 200 || !strings.Contains(string(r.Result), f.Account.String()) {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// TestForeignTokens checks that only a person's own, current token of the console is a credential.
func TestForeignTokens(t *testing.T) {
	t.Parallel()
	other := strings.Repeat("d", 64)
	f := apitest.Start(t, apitest.WithConsole)
	c := f.StartConsole()
	own := c.Member("ada@example.com", administrator)
	f.StoreConfig(topology.KindApplication, proto.NewID(), &proto.Application{ID: proto.NewID(), AUD: other})
	s := c.Login("ada@example.com")
	with := func(change func(map[string]any)) string {
		claims := c.Claims(s)
		change(claims)
		return c.Sign(claims)
	}
	set := func(name string, value any) string { return with(func(m map[string]any) { m[name] = value }) }
	without := func(name string) string { return with(func(m map[string]any) { delete(m, name) }) }
	now := f.Clock.Now().Unix()
	foreign, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicKey(t, c.Key)})
	encode := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	parts := strings.Split(own, ".")
	unsigned := func(alg string) string {
		return encode(map[string]any{"alg": alg, "kid": "one", "typ": "JWT"}) + "." + encode(c.Claims(s)) + "."
	}
	for name, token := range map[string]string{
		"no token":                     "",
		"garbage":                      "x.y.z",
		"algorithm none":               unsigned("none"),
		"algorithm none, signed":       unsigned("none") + parts[2],
		"algorithm None":               unsigned("nOnE"),
		"RS256 without a signature":    unsigned("RS256"),
		"HMAC with the public key":     c.SignWith(jose.HS256, public, c.Claims(s)),
		"another algorithm, own key":   c.SignWith(jose.PS256, c.Key, c.Claims(s)),
		"another key":                  c.SignWith(jose.RS256, foreign, c.Claims(s)),
		"claims of another signature":  parts[0] + "." + encode(c.Claims(s)) + "." + parts[2],
		"a trailing part":              own + ".x",
		"a newline":                    own + "\n.",
		"another audience":             set("aud", other),
		"no audience":                  without("aud"),
		"an empty audience":            set("aud", []string{}),
		"the audience in upper case":   set("aud", strings.ToUpper(apitest.ConsoleAUD)),
		"another issuer":               set("iss", "https://team.example.org"),
		"an issuer with a slash":       set("iss", "https://team.example.com/"),
		"no issuer":                    without("iss"),
		"a global session's token":     set("type", "org"),
		"a statement":                  set("type", "meta"),
		"expired":                      set("exp", now-1),
		"no expiry":                    without("exp"),
		"issued in the future":         set("iat", now+3600),
		"not valid yet":                set("nbf", now+3600),
		"a service token's":            set("common_name", "0123456789abcdef0123456789abcdef.access"),
		"a service token's alone":      c.Sign(map[string]any{"type": "app", "aud": apitest.ConsoleAUD, "iss": "https://team.example.com", "iat": now, "exp": now + 60, "sub": "", "common_name": "0123456789abcdef0123456789abcdef.access"}),
		"an anonymous admission's":     c.Sign(map[string]any{"type": "app", "aud": apitest.ConsoleAUD, "iss": "https://team.example.com", "iat": now, "exp": now + 60, "sub": ""}),
		"no address":                   without("email"),
		"no session":                   without("identity_nonce"),
		"an unknown session":           set("identity_nonce", "0123456789abcdef"),
		"a session that is a wildcard": set("identity_nonce", ">"),
		"a session with a dot":         set("identity_nonce", "0123456789abcd.e"),
		"no subject":                   without("sub"),
		"another subject":              set("sub", proto.NewID().String()),
		"another address":              set("email", "eve@example.com"),
		"an address in two cases":      set("email", "ada@e\u212axample.com"),
	} {
		if got := refusal(f.Through(token, "GET", tags, nil)); got != unknown {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := refusal(f.Through(own, "GET", tags, nil)); got != allowed {
		t.Fatalf("the token itself: %s", got)
	}
	if got := refusal(f.Through(set("aud", []string{other, apitest.ConsoleAUD}), "GET", tags, nil)); got != allowed {
		t.Errorf("one of several audiences: %s", got)
	}
	// Two tokens are ambiguous, and an API token always wins.
	req := f.PersonRequest(own, "GET", f.Path(tags), nil)
	req.Header.Add(v4.HeaderAssertion, own)
	if got := refusal(f.Send(req)); got != unknown {
		t.Errorf("the token twice: %s", got)
	}
	req = f.PersonRequest(own, "GET", f.Path(tags), nil)
	req.Header.Set("Authorization", "Bearer "+strings.Repeat("x", 40))
	if got := refusal(f.Send(req)); got != unknown {
		t.Errorf("beside an invalid API token: %s", got)
	}
	req = f.PersonRequest(own, "GET", f.Path(tags), nil)
	req.Header.Del(v4.HeaderAssertion)
	req.Header.Set("Cookie", "CF_Authorization="+own)
	if got := refusal(f.Send(req)); got != unknown {
		t.Errorf("as a cookie: %s", got)
	}
	another := "/client/v4/accounts/" + proto.NewAccount().String() + tags
	if got := refusal(f.Send(f.PersonRequest(own, "GET", another, nil))); got != unauthorized {
		t.Errorf("another account: %s", got)
	}
	// The console's server never sends these; a browser behind a gateway would.
	for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"},
		{"Origin", "https://evil.example"}} {
		req := f.PersonRequest(own, "POST", f.Path(tags), map[string]any{"name": "x"})
		req.Header.Set(header[0], header[1])
		if got := refusal(f.Send(req)); got != unauthorized {
			t.Errorf("%s: %s: %s", header[0], header[1], got)
		}
	}
}

// publicKey returns the public key as a verifier with a confused algorithm would use it.
func publicKey(t *testing.T, key *rsa.PrivateKey) []byte {
	t.Helper()
	b, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPeopleWithoutMembership checks that a login alone gives no permission, nor does a membership of another account
// or of a similar address.
func TestPeopleWithoutMembership(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t, apitest.WithConsole)
	c := f.StartConsole()
	c.Member("kim@example.com", administrator)
	elsewhere := *f
	elsewhere.Account = proto.NewAccount()
	id := topology.MemberID(elsewhere.Account, "bob@example.com")
	elsewhere.StoreConfig(
		topology.KindMember,
		id,
		&proto.Member{ID: id, Email: "bob@example.com", Roles: []string{administrator}},
	)
	for _, email := range []string{"bob@example.com", "nobody@example.com", "\u212aim@example.com", "kim@example.com.",
		"kim@example.com ", "kim+a@example.com", "k\u0131m@example.com"} {
		s := c.Login(email)
		r := f.Through(c.Sign(c.Claims(s)), "GET", tags, nil)
		if got := refusal(r); got != unauthorized || !strings.Contains(r.Errors[0].Message, "not a member") {
			t.Errorf("%q: %s %s", email, got, r.Body)
		}
	}
	if got := refusal(f.Through(c.Sign(c.Claims(c.Login("KIM@EXAMPLE.com"))), "GET", tags, nil)); got != allowed {
		t.Errorf("the address in upper case: %s", got)
	}
	// A member of the other account cannot use this console's token there.
	at := "/client/v4/accounts/" + elsewhere.Account.String() + tags
	bob := f.PersonRequest(c.Sign(c.Claims(c.Login("bob@example.com"))), "GET", at, nil)
	if got := refusal(f.Send(bob)); got != unauthorized {
		t.Errorf("%s", got)
	}
}

// TestAccessEndsAtOnce checks that a person's access ends with the next request after each cause of its end.
func TestAccessEndsAtOnce(t *testing.T) {
	t.Parallel()
	for name, ended := range map[string]struct {
		end  func(f *apitest.Fixture, c *apitest.Console, s *proto.Session)
		want string
	}{
		"logout": {func(f *apitest.Fixture, _ *apitest.Console, s *proto.Session) {
			key := topology.SessionKey(f.Account, s.Nonce)
			revision, err := f.Conn.Get(f.T.Context(), topology.Sessions, key, new(proto.Session))
			if err == nil {
				err = f.Conn.Delete(f.T.Context(), topology.Sessions, key, revision)
			}
			if err != nil {
				f.T.Fatal(err)
			}
		}, unknown},
		"end of the session": {func(f *apitest.Fixture, _ *apitest.Console, s *proto.Session) {
			s.ExpiresAt = proto.At(f.Clock.Now())
			f.StoreLogin(s)
		}, unknown},
		"end of the token": {func(f *apitest.Fixture, c *apitest.Console, _ *proto.Session) {
			for range 61 {
				f.Clock.Advance(time.Minute)
			}
		}, "any"},
		"removal": {func(f *apitest.Fixture, _ *apitest.Console, s *proto.Session) {
			f.Want(200, "DELETE", "/members/"+topology.MemberID(f.Account, s.Email).String(), nil)
		}, unauthorized},
		"suspension": {func(f *apitest.Fixture, _ *apitest.Console, s *proto.Session) {
			f.Want(200, "PUT", "/members/"+topology.MemberID(f.Account, s.Email).String(), map[string]any{"status": "pending"})
		}, unauthorized},
		"another role": {func(f *apitest.Fixture, _ *apitest.Console, s *proto.Session) {
			f.Want(200, "PUT", "/members/"+topology.MemberID(f.Account, s.Email).String(),
				map[string]any{"roles": []string{reader}})
		}, unauthorized},
		"revocation of the application's tokens": {func(f *apitest.Fixture, c *apitest.Console, _ *proto.Session) {
			f.Clock.Advance(time.Second)
			f.Want(202, "POST", "/access/apps/"+c.App.ID.String()+"/revoke_tokens", nil)
		}, unknown},
		"revocation of the person": {func(f *apitest.Fixture, _ *apitest.Console, s *proto.Session) {
			f.Want(200, "POST", "/access/organizations/revoke_user", map[string]any{"email": s.Email})
		}, unknown},
		"deletion of the application": {func(f *apitest.Fixture, c *apitest.Console, _ *proto.Session) {
			f.Want(202, "DELETE", "/access/apps/"+c.App.ID.String(), nil)
		}, unknown},
		"an identity provider that no longer counts": {func(f *apitest.Fixture, c *apitest.Console, _ *proto.Session) {
			c.App.Gate.IDPs = []proto.ID{proto.NewID()}
			f.StoreConfig(topology.KindApplication, c.App.ID, c.App)
		}, unknown},
		"a second application with the audience": {func(f *apitest.Fixture, c *apitest.Console, _ *proto.Session) {
			id := proto.NewID()
			f.StoreConfig(topology.KindApplication, id, &proto.Application{ID: id, AUD: apitest.ConsoleAUD, Type: "self_hosted"})
		}, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := apitest.Start(t, apitest.WithConsole)
			c := f.StartConsole()
			c.Member("eve@example.com", editor)
			s := c.Login("eve@example.com")
			token := c.Sign(c.Claims(s))
			if r := f.Through(token, "POST", tags, map[string]any{"name": "before"}); r.Status != 201 {
				t.Fatalf("%d %s", r.Status, r.Body)
			}
			ended.end(f, c, s)
			r := f.Through(token, "POST", tags, map[string]any{"name": "after"})
			if got := refusal(r); got != ended.want && (ended.want != "any" || r.Status < 400) {
				t.Errorf("%s %s, want %s", got, r.Body, ended.want)
			}
		})
	}
}

// TestNoConsole checks that without a configured audience no application token is a credential.
func TestNoConsole(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	if got := refusal(f.Through("x.y.z", "GET", tags, nil)); got != unknown {
		t.Errorf("%s", got)
	}
	for _, aud := range []string{"", "x", strings.ToUpper(strings.Repeat("c", 64)), strings.Repeat("c", 63)} {
		cfg := f.Config
		cfg.ConsoleAudiences = []string{aud}
		if _, err := api.New(cfg, api.Deps{Bus: f.Link, Clock: f.Clock, Metrics: prometheus.NewRegistry()}); err == nil ||
			!strings.Contains(err.Error(), "--console-aud") {
			t.Errorf("%q: %v", aud, err)
		}
	}
}

// TestTheConsoleIsGuarded checks that an editor cannot have the tokens of administrators sent elsewhere.
func TestTheConsoleIsGuarded(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t, apitest.WithConsole)
	c := f.StartConsole()
	ada, eve := c.Member("ada@example.com", administrator), c.Member("eve@example.com", editor)
	console := "/access/apps/" + c.App.ID.String()
	app := func(domain string) map[string]any {
		return map[string]any{"name": "a", "type": "self_hosted", "domain": domain, "x_origin_url": "http://127.0.0.1:1"}
	}
	if got := refusal(f.Through(eve, "PUT", console, app("console.example.com"))); got != unauthorized {
		t.Errorf("an editor moves the console: %s", got)
	}
	for domain, want := range map[string]string{"console.example.com/x": unauthorized,
		"console.example.com:8443": unauthorized,
		"CONSOLE.example.com/y":    unauthorized, "console.example.com./y": unauthorized,
		"\uff43onsole.example.com/y": unauthorized, "console.example.com/*": "409/12136",
		"console%2eexample.com": "400/12130", "con\u00adsole.example.com/y": unauthorized,
		"other.example.com": "201/0", "*.example.com": "201/0"} {
		if got := refusal(f.Through(eve, "POST", "/access/apps", app(domain))); got != want {
			t.Errorf("an editor serves %s: %s, want %s", domain, got, want)
		}
	}
	if r := f.Through(ada, "PUT", console, app("console.example.com")); r.Status != 200 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	if r := f.Through(ada, "POST", "/access/apps", app("console.example.com/z")); r.Status != 201 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// TestEveryWriteOfTheConsoleIsGuarded checks that an editor can neither delete the console's application, after which
// its host would be free, nor change its settings, tokens and policies. It tries every route that writes an
// application.
func TestEveryWriteOfTheConsoleIsGuarded(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t, apitest.WithConsole)
	c := f.StartConsole()
	ada, eve := c.Member("ada@example.com", administrator), c.Member("eve@example.com", editor)
	policy := func(name, decision string) map[string]any {
		everyone := map[string]any{"everyone": map[string]any{}}
		return map[string]any{"name": name, "decision": decision, "include": []any{everyone}}
	}
	reusable := f.Want(201, "POST", "/access/policies", policy("shared", "allow"))["id"].(string)
	free := f.Want(201, "POST", "/access/policies", policy("free", "allow"))["id"].(string)
	console := "/access/apps/" + c.App.ID.String()
	f.Want(200, "PUT", console, map[string]any{"name": "console", "type": "self_hosted", "domain": "console.example.com"})
	owned := f.Want(201, "POST", console+"/policies", policy("own", "allow"))["id"].(string)
	f.Want(201, "POST", console+"/policies", map[string]any{"id": reusable})
	before := string(f.Do("GET", console, nil).Result)
	body := policy("a", "bypass")
	body["type"], body["domain"], body["x_origin_url"] = "self_hosted", "console.example.com", "http://127.0.0.1:1"
	tried := 0
	for path, item := range apitest.Description(t).Document["paths"].(map[string]any) {
		below, found := strings.CutPrefix(path, v4.AccountPath+"/access/apps/{id}")
		if !found {
			continue
		}
		for method := range item.(map[string]any) {
			if method = strings.ToUpper(method); !slices.Contains([]string{"POST", "PUT", "PATCH", "DELETE"}, method) {
				continue
			}
			tried++
			var sent any = body
			if method == "DELETE" {
				sent = nil
			}
			at := console + strings.ReplaceAll(below, "{policy}", owned)
			if got := refusal(f.Through(eve, method, at, sent)); got != unauthorized {
				t.Errorf("an editor: %s %s: %s", method, path, got)
			}
		}
	}
	if tried < 10 {
		t.Errorf("only %d operations write an application", tried)
	}
	linked := "/access/policies/" + reusable
	if got := refusal(f.Through(eve, "PUT", linked, policy("shared", "bypass"))); got != unauthorized {
		t.Errorf("an editor changes a policy that the console links: %s", got)
	}
	if got := f.Through(eve, "DELETE", linked, nil); got.Status < 400 {
		t.Errorf("an editor deletes a policy that the console links: %s", got.Body)
	}
	if after := string(f.Do("GET", console, nil).Result); after != before {
		t.Errorf("the console changed: %s, before: %s", after, before)
	}
	// Others are not affected: another policy, another application, an administrator.
	if r := f.Through(eve, "PUT", "/access/policies/"+free, policy("free", "bypass")); r.Status != 200 {
		t.Errorf("an editor changes another policy: %s", r.Body)
	}
	other := f.Want(201, "POST", "/access/apps",
		map[string]any{"name": "b", "type": "self_hosted", "domain": "b.example.com"})
	if r := f.Through(eve, "DELETE", "/access/apps/"+other["id"].(string), nil); r.Status != 202 {
		t.Errorf("an editor deletes another application: %s", r.Body)
	}
	for _, try := range []struct {
		method, path string
		body         any
	}{
		{"PUT", "/access/policies/" + reusable, policy("shared", "deny")},
		{"PUT", console + "/policies/" + owned, policy("own", "deny")},
		{"PUT", console + "/settings", map[string]any{"allow_iframe": false}},
		{"DELETE", console, nil},
	} {
		if r := f.Through(ada, try.method, try.path, try.body); r.Status >= 300 {
			t.Errorf("an administrator: %s %s: %s", try.method, try.path, r.Body)
		}
	}
}

// TestTheConsoleOfAnotherAccountIsGuarded checks that even whoever has every permission in an account serves no page on
// the host of another account's console: its scripts would act there as the visitor.
func TestTheConsoleOfAnotherAccountIsGuarded(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t, apitest.WithConsole)
	console := &proto.Application{ID: proto.NewID(), Name: "console", Type: "self_hosted", AUD: apitest.ConsoleAUD,
		Domains: []string{"console.example.com", "*.admin.example.com"}}
	put := bus.Outgoing{Subject: topology.BucketSubject(topology.Config,
		topology.ConfigKey(proto.NewAccount(), topology.KindApplication, console.ID)), Body: console}
	if _, err := f.Conn.Publish(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	app := func(domain string) map[string]any {
		return map[string]any{"name": "a", "type": "self_hosted", "domain": domain}
	}
	mine := "/access/apps/" + f.Want(201, "POST", "/access/apps", app("mine.example.com"))["id"].(string)
	for domain, want := range map[string]string{"console.example.com": unauthorized, "console.example.com/x": unauthorized,
		"CONSOLE.example.com:8443/x": unauthorized, "one.admin.example.com": unauthorized,
		"*.admin.example.com/x": unauthorized, "other.example.com": "201/0", "*.example.com": "201/0"} {
		if got := refusal(f.Do("POST", "/access/apps", app(domain))); got != want {
			t.Errorf("%s: %s, want %s", domain, got, want)
		}
		if want != unauthorized {
			continue
		}
		if got := refusal(f.Do("PUT", mine, app(domain))); got != want {
			t.Errorf("an application is moved to %s: %s, want %s", domain, got, want)
		}
	}
}

// TestTheConsoleDoesNotMoveToAHostOfOthers checks that the console gets no host on which another account serves pages
// already.
func TestTheConsoleDoesNotMoveToAHostOfOthers(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t, apitest.WithConsole)
	c := f.StartConsole()
	ada := c.Member("ada@example.com", administrator)
	other := &proto.Application{ID: proto.NewID(), Name: "trap", Type: "self_hosted", AUD: strings.Repeat("d", 64),
		Domains: []string{"new.example.com/x", "*.wild.example.com"}}
	put := bus.Outgoing{Subject: topology.BucketSubject(topology.Config,
		topology.ConfigKey(proto.NewAccount(), topology.KindApplication, other.ID)), Body: other}
	if _, err := f.Conn.Publish(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	f.Want(201, "POST", "/access/tags", map[string]any{"name": "after"}) // waits until the API has seen the application
	for domain, want := range map[string]string{"new.example.com": "409/12136",
		"console.wild.example.com:8443": "409/12136",
		"console.wild.example.com":      "200/0"} {
		body := map[string]any{"name": "console", "type": "self_hosted", "domain": domain}
		if got := refusal(f.Through(ada, "PUT", "/access/apps/"+c.App.ID.String(), body)); got != want {
			t.Errorf("%s: %s, want %s", domain, got, want)
		}
	}
}
