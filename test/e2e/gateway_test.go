package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/test/internal/stack"
	"plumbline.dev/test/scorer"
)

// atOnce is the time for every part to act on a change of permissions.
const atOnce = time.Second

// site is an application behind the gateway, and one admitted service token.
type site struct {
	*testing.T
	control *stack.Control
	origin  *stack.Origin
	visitor *stack.Visitor
	token   stack.ServiceToken
	app     stack.Application
	tokens  *scorer.Tokens // for its assertions
}

// siteURL is its address, in no DNS.
const siteURL = "http://wiki.example.com"

// newSite makes an application with the rules as further requirements.
func newSite(t *testing.T, control *stack.Control, gateway, from string, team issuer, require ...any) *site {
	t.Helper()
	s := &site{T: t, control: control, origin: stack.NewOrigin(t, nil), visitor: stack.NewVisitor(t, gateway, from, nil)}
	var err error
	if s.token, err = control.CreateToken(t.Context(), "service"); err != nil {
		t.Fatal(err)
	}
	policy := stack.Policy("service", "non_identity", []any{stack.TokenRule(s.token.ID)}, require...)
	if s.app, err = control.CreateGuarded(t.Context(), stack.Guarded{Name: "wiki", Domain: "wiki.example.com",
		Origin: s.origin.URL, Policies: []any{policy}}); err != nil {
		t.Fatal(err)
	}
	s.tokens = &scorer.Tokens{Certs: team.Certs(), Issuer: team.Issuer(), AUD: s.app.AUD}
	return s
}

// visit asks the application for a page.
func (s *site) visit(headers ...string) stack.Visit {
	s.Helper()
	v, err := s.visitor.Get(s.Context(), siteURL+"/page", headers...)
	if err != nil {
		s.Fatal(err)
	}
	return v
}

// enters waits until the service token, as its secret is now, is let in.
func (s *site) enters() {
	s.Helper()
	s.becomes(soon, http.StatusOK, "", s.token)
}

// becomes waits until the service token is answered so.
func (s *site) becomes(within time.Duration, status int, reason string, token stack.ServiceToken) {
	s.Helper()
	begin := time.Now()
	stack.Until(s, within, fmt.Sprintf("%d %s", status, reason), func() error {
		if v := s.visit(token.Credentials()...); v.Status != status || reason != "" && v.Reason != reason {
			return fmt.Errorf("answered with %d, reason %q: %.300s", v.Status, v.Reason, v.Body)
		}
		return nil
	})
	s.Logf("%d %s after %v", status, reason, time.Since(begin).Round(time.Millisecond))
}

func (s *site) do(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// A service token opens its application in each of its forms, the origin gets an application token that
// verifies and no credential, and everybody else stays outside with a reason.
func TestAServiceTokenOpensItsApplication(t *testing.T) {
	plumb := stack.Up(t)
	control, err := plumb.Control()
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, control, plumb.Access, "", plumb)
	s.enters()
	arrived := func() *http.Request {
		t.Helper()
		r := s.origin.Last()
		claims, err := s.tokens.Verify(t.Context(), r.Header.Get("Cf-Access-Jwt-Assertion"))
		if err != nil || claims.CommonName != s.token.ClientID {
			t.Errorf("the origin's application token: %+v, %v", claims, err)
		}
		if n := len(r.Header.Values("Cf-Access-Jwt-Assertion")); n != 1 {
			t.Errorf("%d assertions arrived", n)
		}
		for name, values := range r.Header {
			if strings.Contains(strings.Join(values, " "), s.token.ClientSecret) {
				t.Errorf("the secret arrived in %s", name)
			}
		}
		return r
	}
	arrived()

	// A client's copy of one of our own headers is replaced, in every spelling.
	if v := s.visit(append(s.token.Credentials(), "Cf-Access-Jwt-Assertion", "forged", "X-Kept", "yes",
		"Cf_Access_Jwt_Assertion", "forged", "Cf-Access-Authenticated-User-Email",
		"root@example.com")...); v.Status != http.StatusOK || v.Body != "origin" {
		t.Errorf("with forged headers: %+v", v)
	}
	r := arrived()
	if r.Header.Get("X-Kept") != "yes" || r.Header.Get("Cf-Access-Authenticated-User-Email") != "" ||
		r.Header.Get("Cf_Access_Jwt_Assertion") != "" {
		t.Errorf("the origin saw %v", r.Header)
	}

	// The single header.
	single := stack.NewOrigin(t, nil)
	if _, err := control.CreateGuarded(t.Context(),
		stack.Guarded{Name: "single", Domain: "single.example.com", Origin: single.URL,
			Policies: []any{stack.Policy("any", "non_identity",
				[]any{map[string]any{"any_valid_service_token": map[string]any{}}})},
			Settings: map[string]any{"read_service_tokens_from_header": "Authorization"}}); err != nil {
		t.Fatal(err)
	}
	credentials, err := json.Marshal(map[string]string{"cf-access-client-id": s.token.ClientID,
		"cf-access-client-secret": s.token.ClientSecret})
	s.do(err)
	stack.Until(t, soon, "the single header opens", func() error {
		v, err := s.visitor.Get(t.Context(), "http://single.example.com/", "Authorization", string(credentials))
		if err == nil && v.Status != http.StatusOK {
			err = fmt.Errorf("%+v", v)
		}
		return err
	})
	if single.Last().Header.Get("Authorization") != "" {
		t.Error("the single header arrived at the origin")
	}

	other, err := control.CreateToken(t.Context(), "another")
	s.do(err)
	stack.Until(t, soon, "another token is known and not let in", func() error {
		if v := s.visit(other.Credentials()...); v.Status != http.StatusForbidden || v.Reason == "" {
			return fmt.Errorf("%+v", v)
		}
		return nil
	})
	before := s.origin.Arrived()
	for name, c := range map[string]struct {
		headers []string
		status  int
	}{
		"nothing":           {nil, http.StatusForbidden},
		"a wrong secret":    {[]string{"CF-Access-Client-Id", s.token.ClientID, "CF-Access-Client-Secret", other.ClientSecret}, http.StatusUnauthorized},
		"an unknown id":     {[]string{"CF-Access-Client-Id", strings.Repeat("0", 32) + ".access", "CF-Access-Client-Secret", other.ClientSecret}, http.StatusUnauthorized},
		"half of it":        {[]string{"CF-Access-Client-Id", s.token.ClientID}, http.StatusUnauthorized},
		"twice":             {append(s.token.Credentials(), "CF-Access-Client-Secret", s.token.ClientSecret), http.StatusUnauthorized},
		"an assertion only": {[]string{"Cf-Access-Jwt-Assertion", r.Header.Get("Cf-Access-Jwt-Assertion")}, http.StatusForbidden},
	} {
		v := s.visit(c.headers...)
		if v.Status != c.status || v.Reason == "" {
			t.Errorf("%s is answered with %d, reason %q: %.200s", name, v.Status, v.Reason, v.Body)
		}
		if v.Status == http.StatusForbidden && v.Header.Get("Cf-Access-Aud") != s.app.AUD {
			t.Errorf("%s: cf-access-aud is %q", name, v.Header.Get("Cf-Access-Aud"))
		}
	}
	for _, url := range []string{"http://nobody.example.com/", "http://single.example.com.example.org/"} {
		if v, err := s.visitor.Get(t.Context(), url, s.token.Credentials()...); err != nil || v.Status/100 == 2 {
			t.Errorf("%s, which is no application: %+v, %v", url, v, err)
		}
	}
	if n := s.origin.Arrived() - before; n != 0 {
		t.Errorf("%d requests that are not allowed arrived", n)
	}
}

// A token that is turned off stops working within a second at the gateway and at the exchange, and in the
// fetchers: whether they show an API an application token, or the gateway in front of it the credentials.
func TestATokenThatIsTurnedOffStopsWorkingAtOnce(t *testing.T) {
	w := newFixture(t, 10, "1h")
	s := newSite(t, w.control, w.plumb.Access, "", w.plumb)
	s.enters()

	// A second scoring API stands behind the gateway: by another name of its address than the team domain,
	// without applications.
	behind := new(scorer.API)
	url := behind.Listen(t)
	public := strings.Replace(w.plumb.Access, "127.0.0.1", "localhost", 1) + "/score"
	token, err := w.control.CreateToken(t.Context(), "behind")
	w.do(err)
	api, err := w.control.CreateGuarded(t.Context(), stack.Guarded{Name: "scores behind", Domain: public,
		Origin:   strings.TrimSuffix(url, "/score"),
		Policies: []any{stack.Policy("fetchers", "non_identity", []any{stack.TokenRule(token.ID)})}})
	w.do(err)
	behind.ClientID = token.ClientID
	behind.Tokens = &scorer.Tokens{Certs: w.plumb.Certs(), Issuer: w.plumb.Issuer(), AUD: api.AUD}
	var guarded proto.ID
	stack.Until(t, soon, "an integration whose API is behind the gateway", func() (err error) {
		guarded, err = w.control.CreateIntegration(t.Context(), stack.Integration{Name: "behind", URL: "http://" + public,
			Interval: "1h", ClientID: token.ClientID, ClientSecret: token.ClientSecret})
		return err
	})
	// polled waits for a poll requested at a time, and returns its error.
	polled := func(id proto.ID) string {
		t.Helper()
		now, err := statusOf(t.Context(), w.control, id)
		w.do(err)
		before := uint64(0)
		if now.Poll != nil {
			before = now.Poll.Tick
		}
		w.do(w.control.PollNow(t.Context(), id))
		stack.Until(t, soon, "a poll", func() error {
			if now, err = statusOf(t.Context(), w.control, id); err != nil {
				return err
			}
			if now.Poll == nil || now.Poll.Tick <= before || now.Poll.DonePages < now.Poll.Pages {
				return fmt.Errorf("%+v", now.Poll)
			}
			return nil
		})
		return now.Poll.Error
	}
	w.settle()
	direct := w.tokenOf("posture")
	for name, id := range map[string]proto.ID{"an application token": w.integration,
		"credentials at the gateway": guarded} {
		if problem := polled(id); problem != "" {
			t.Fatalf("poll with %s: %s", name, problem)
		}
	}
	exchange := func(k stack.ServiceToken, app stack.Application) string {
		t.Helper()
		id, err := proto.ParseID(app.ID)
		w.do(err)
		answer := new(proto.TokenAnswer)
		w.do(w.operator.Request(t.Context(), topology.ExchangeService, &proto.ServiceExchange{Account: w.control.Account,
			ClientID: k.ClientID, ClientSecret: k.ClientSecret, Application: id}, answer))
		if answer.Error != nil {
			return answer.Error.Code
		}
		return ""
	}
	if code := exchange(s.token, s.app); code != "" {
		t.Fatalf("the exchange refuses: %s", code)
	}

	for _, k := range []string{s.token.ID, token.ID, direct} {
		w.do(w.control.EnableToken(t.Context(), k, false))
	}
	begin := time.Now()
	s.becomes(atOnce, http.StatusUnauthorized, "", s.token)
	stack.Until(t, atOnce, "the exchange refuses", func() error {
		if exchange(s.token, s.app) == "" {
			return errors.New("it issues a token")
		}
		return nil
	})
	<-time.After(atOnce - min(time.Since(begin), atOnce))
	for name, id := range map[string]proto.ID{"an application token": w.integration,
		"credentials at the gateway": guarded} {
		if problem := polled(id); problem != proto.ReasonAuthFailed.String() {
			t.Errorf("poll with %s of a token that is off: %q", name, problem)
		}
	}
	w.do(w.control.EnableToken(t.Context(), s.token.ID, true))
	s.becomes(atOnce, http.StatusOK, "", s.token)

	// Rotation: the secret before goes on for its grace, and no longer.
	rotated, err := w.control.RotateToken(t.Context(), s.token.ID,
		time.Now().Add(4*time.Second).UTC().Format(time.RFC3339))
	w.do(err)
	s.becomes(atOnce, http.StatusOK, "", rotated)
	if v := s.visit(s.token.Credentials()...); v.Status != http.StatusOK {
		t.Errorf("the secret before, within its grace: %+v", v)
	}
	s.becomes(6*time.Second, http.StatusUnauthorized, "", s.token)
	s.becomes(atOnce, http.StatusOK, "", rotated)

	var refused *stack.Refused
	if err := w.control.Call(t.Context(), "DELETE", "/access/service_tokens/"+s.token.ID, nil, nil); !asRefused(err,
		&refused) || !slices.Contains(refused.Codes, 12139) {
		t.Errorf("deleting a token that a policy names: %v", err)
	}
}

// tokenOf is the id of the service token of that name.
func (w *fixture) tokenOf(name string) string {
	w.Helper()
	var all []struct{ ID, Name string }
	w.do(w.control.Call(w.Context(), "GET", "/access/service_tokens", nil, &all))
	for _, k := range all {
		if k.Name == name {
			return k.ID
		}
	}
	w.Fatalf("there is no service token %q", name)
	return ""
}
