package attack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumbline.dev/test/internal/oidc"
	"plumbline.dev/test/internal/stack"
)

// Credentials of the installation at the provider.
const (
	clientID     = "plumbline"
	clientSecret = "the-secret-at-the-provider"
)

// The applications, all on one origin.
const (
	appHost    = "app.example.com"    // for the service
	otherHost  = "other.example.com"  // for another service, and for people
	mixedHost  = "mixed.example.com"  // for the service and for people: application tokens count
	singleHost = "single.example.com" // for the service, with a single header
	peopleHost = "people.example.com" // for people
	siteHost   = "site.example.com"   // for everybody, but for adminPath, which is for the service
	adminPath  = "/admin"

	wildHosts   = ".wild.example.com"              // below it, everything is for everybody but closedHost
	closedTyped = "bücher.wild.example.com"        // for the service, as it was typed
	closedHost  = "xn--bcher-kva.wild.example.com" // closedTyped as A-labels
	holeHost    = "hole.example.com"               // for the service, but for holePath, which is for everybody
	holePath    = "/public"
	optionsHost = "options.example.com" // for the service, and preflights pass
)

// Addresses of the clients.
const (
	asker   = "127.0.0.9" // may ask about others' requests
	trusted = "127.0.0.8" // is a proxy whose word counts
)

// fixture is the installation under attack.
type fixture struct {
	plumb    *stack.Plumb
	control  *stack.Control
	origin   *origin
	provider *oidc.Provider
	others   []string // URLs of further providers
	// service may enter; stranger may enter otherHost only; off is turned off.
	service, stranger, off stack.ServiceToken
	apps                   map[string]stack.Application // by domain
}

// under is the one installation.
var under *fixture

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "attack")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if under, err = start(dir); under != nil && under.plumb.Process() != nil {
		defer under.plumb.Process().Kill()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "the installation to attack:", err)
		return 1
	}
	code := m.Run()
	if err := under.verdict(); err != nil {
		fmt.Fprintln(os.Stderr, "what arrived at the origin over all tests:", err)
		code = 1
	}
	if log := under.plumb.Process().Log(); strings.Contains(log, "WARNING: DATA RACE") || code != 0 {
		fmt.Fprintf(os.Stderr, "--- log of the installation\n%s\n", log[max(0, len(log)-20_000):])
		code = 1
	}
	return code
}

func start(dir string) (*fixture, error) {
	w := &fixture{apps: map[string]stack.Application{}}
	var err error
	if w.plumb, err = stack.New("up", filepath.Join(dir, "data"), "--min-interval", "1s",
		"--trusted-proxy", trusted+"/32", "--forward-auth-from", asker+"/32"); err != nil {
		return nil, err
	}
	if w.origin, err = newOrigin(); err != nil {
		return w, err
	}
	if w.provider, err = oidc.New(w.plumb.Issuer()+"/cdn-cgi/access/callback", clientID, clientSecret); err != nil {
		return w, err
	}
	if err := w.plumb.Launch(); err != nil {
		return w, err
	}
	if err := stack.Ready(w.plumb.Process(), w.plumb.Admin, stack.ReadyWithin); err != nil {
		return w, err
	}
	if w.control, err = w.plumb.Control(); err != nil {
		return w, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	return w, w.configure(ctx)
}

func (w *fixture) configure(ctx context.Context) error {
	for name, token := range map[string]*stack.ServiceToken{"service": &w.service, "stranger": &w.stranger,
		"off": &w.off} {
		var err error
		if *token, err = w.control.CreateToken(ctx, name); err != nil {
			return err
		}
	}
	if err := w.control.EnableToken(ctx, w.off.ID, false); err != nil {
		return err
	}
	if err := w.control.Call(ctx, http.MethodPost, "/access/identity_providers",
		map[string]any{"name": "Example", "type": "oidc",
			"config": map[string]any{"client_id": clientID, "client_secret": clientSecret, "x_issuer": w.provider.URL}},
		nil); err != nil {
		return err
	}
	service := stack.Policy("service", "non_identity", []any{stack.TokenRule(w.service.ID), stack.TokenRule(w.off.ID)})
	stranger := stack.Policy("stranger", "non_identity", []any{stack.TokenRule(w.stranger.ID)})
	people := stack.Policy("people", "allow",
		[]any{map[string]any{"email_domain": map[string]any{"domain": "example.com"}}})
	everybody := stack.Policy("everybody", "bypass", []any{map[string]any{"everyone": map[string]any{}}})
	for domain, policies := range map[string][]any{
		appHost: {service}, otherHost: {stranger, people}, mixedHost: {service, people}, singleHost: {service}, peopleHost: {people},
		siteHost: {everybody}, siteHost + adminPath: {service}, "*" + wildHosts: {everybody}, closedTyped: {service},
		holeHost: {service}, holeHost + holePath: {everybody}, optionsHost: {service},
	} {
		g := stack.Guarded{Name: domain, Domain: domain, Origin: w.origin.URL, Policies: policies}
		if domain == singleHost {
			g.Settings = map[string]any{"read_service_tokens_from_header": "X-Service-Token"}
		}
		if domain == optionsHost {
			g.Settings = map[string]any{"options_preflight_bypass": true}
		}
		app, err := w.control.CreateGuarded(ctx, g)
		if err != nil {
			return err
		}
		w.apps[domain] = app
	}
	w.apps[closedHost] = w.apps[closedTyped]
	return w.known(ctx)
}

// known waits until the gateway has heard of everything.
func (w *fixture) known(ctx context.Context) error {
	for domain := range w.apps {
		if err := stack.AskUntil(10*time.Second*stack.Slowness(), func() error {
			resp, err := w.visit(ctx, "http://"+strings.Replace(domain, "*", "x", 1)+"/", w.service)
			if err == nil &&
				(resp == http.StatusNotFound || resp == http.StatusUnauthorized && domain != otherHost && domain != peopleHost) {
				err = fmt.Errorf("%s is answered with %d", domain, resp)
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// visit sends a well-formed request and returns the status.
func (w *fixture) visit(ctx context.Context, url string, token stack.ServiceToken) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	r.Host, r.URL.Host = r.URL.Host, w.plumb.Access
	credentials := token.Credentials()
	for i := 0; i < len(credentials); i += 2 {
		r.Header.Set(credentials[i], credentials[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// lines are a service token's credentials as header lines.
func lines(token stack.ServiceToken, more ...string) []string {
	return append([]string{"CF-Access-Client-Id: " + token.ClientID, "CF-Access-Client-Secret: " + token.ClientSecret},
		more...)
}

// verdict checks all requests received by the origin.
func (w *fixture) verdict() error {
	all, bytes := w.origin.ever()
	var problems []error
	for _, secret := range []string{w.service.ClientSecret, w.stranger.ClientSecret, w.off.ClientSecret, clientSecret} {
		if strings.Contains(bytes, secret) {
			problems = append(problems, errors.New("a secret arrived"))
		}
	}
	for _, a := range all {
		if err := w.inOrder(a); err != nil {
			problems = append(problems, fmt.Errorf("%s %s of %s, %v: %w", a.Method, a.Target, a.Host, a.Header, err))
		}
	}
	return errors.Join(problems...)
}

// inOrder tells why a request should not have arrived as it did.
func (w *fixture) inOrder(a arrival) error {
	token, count := a.only("cf-access-jwt-assertion")
	host, _, _ := strings.Cut(strings.ToLower(a.Host), ":")
	host = strings.TrimSuffix(host, ".")
	domain := host
	if host == siteHost {
		if reading, under := underAdmin(a.Target); count == 0 && under {
			return fmt.Errorf("without a token, and an origin may read the path as %q", reading)
		} else if count == 0 {
			return nil
		}
		domain = siteHost + adminPath
	}
	switch {
	case count != 0:
	case strings.HasSuffix(host, wildHosts) && host != closedHost:
		return nil
	case host == holeHost && strings.HasPrefix(a.Target, holePath+"/"):
		return nil
	case host == optionsHost && a.Method == http.MethodOptions && a.Body == "" && a.Header.Get("Upgrade") == "":
		return nil
	}
	app, known := w.apps[domain]
	switch {
	case !known:
		return errors.New("it is of no application")
	case count != 1:
		return fmt.Errorf("with %d assertions", count)
	}
	return w.verify(token, app.AUD)
}
