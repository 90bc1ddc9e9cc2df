package console_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/proto"
	"plumbline.dev/services/console"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/plumb"
	"plumbline.dev/services/plumb/client"
)

// installation runs all of Plumbline until the test ends.
func installation(t *testing.T) plumb.Installation {
	t.Helper()
	s, err := plumb.New(plumb.Config{Data: t.TempDir(), APIAddr: bustest.FreeAddr(t), AccessAddr: bustest.FreeAddr(t),
		AdminAddr: bustest.FreeAddr(t), MinInterval: time.Second, LogMaxBytes: 1 << 30},
		plumb.Deps{Log: bustest.Log(t), Metrics: cli.Metrics(), Clock: clock.System})
	if err != nil {
		t.Fatal(err)
	}
	running, ended := context.WithCancelCause(t.Context())
	bustest.Run(t, func(ctx context.Context) error {
		err := s.Run(ctx)
		ended(errors.Join(errors.New("plumb ended"), err))
		return err
	})
	i, err := s.Await(running)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// watched is the API behind a proxy that notes what changes something.
type watched struct {
	mu    sync.Mutex
	wrote []string // requests that succeeded and may change something
	tried int      // all that may change something
}

// asks are requests that change nothing although they post.
var asks = regexp.MustCompile(`/plumbline/checks/try$|/access/policy-tests$|/plumbline/devices/count$`)

func (p *watched) serve(t *testing.T, target string) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.Request.Method == http.MethodGet || asks.MatchString(r.Request.URL.Path) {
			return nil
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.tried++
		if r.StatusCode < http.StatusBadRequest {
			p.wrote = append(p.wrote, r.Request.Method+" "+r.Request.URL.Path)
		}
		return nil
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}

// A person with every read permission posts every form, about things that exist. Nothing changes.
func TestAReadOnlyPersonChangesNothing(t *testing.T) {
	i := installation(t)
	owner, err := client.New(client.Config{URL: i.APIURL, Token: i.Token, Account: i.Account})
	if err != nil {
		t.Fatal(err)
	}
	ids := fill(t, owner)
	var api watched
	service, err := console.New(console.Config{Addr: "127.0.0.1:0", APIURL: api.serve(t, i.APIURL)},
		console.Deps{Log: bustest.Log(t), Metrics: cli.Metrics(), Clock: clock.System})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(service.Handler())
	t.Cleanup(front.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.Path, "/login") {
			t.Errorf("%s leads to the login", r.Response.Request.URL)
		}
		return nil
	}}
	resp, err := browser.Get(front.URL + service.Link(reader(t, owner)))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	actions := service.Actions()
	for _, pattern := range actions {
		path := concrete(pattern, ids)
		resp, err := browser.PostForm(front.URL+path, form(ids))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		resp.Body.Close()
		if resp.StatusCode >= http.StatusInternalServerError {
			t.Errorf("%s: status %d", path, resp.StatusCode)
		}
	}
	api.mu.Lock()
	defer api.mu.Unlock()
	if len(api.wrote) > 0 {
		t.Errorf("a read-only person changed something: %q", api.wrote)
	}
	if len(actions) < 20 || api.tried < 10 {
		t.Errorf("only %d of %d actions reached the API", api.tried, len(actions))
	}
}

// fill makes one resource of each kind, and returns their ids by the first part of their path.
func fill(t *testing.T, c *client.Client) map[string]string {
	t.Helper()
	ids := map[string]string{}
	_, err := c.Import(t.Context(), client.CSV, strings.NewReader("hostname,serial_number\nlaptop,S1\n"), nil)
	must(t, err)
	devices, _, err := c.Devices(t.Context(), url.Values{}, 1)
	must(t, err)
	ids["devices"] = devices[0].Value.ID
	token, err := c.ServiceTokens.Create(t.Context(), client.ServiceToken{Name: "fetchers", Duration: "8760h"})
	must(t, err)
	ids["tokens"] = token.Value.ID
	scores := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"result":{}}`))
	}))
	t.Cleanup(scores.Close)
	integration, err := c.Integrations.Create(t.Context(), client.Integration{Name: "scores", Type: proto.TypeCustomS2S,
		Interval: "1h", Config: client.IntegrationConfig{APIURL: scores.URL, ClientID: token.Value.ClientID,
			ClientSecret: token.Value.ClientSecret}})
	must(t, err)
	ids["integrations"] = integration.Value.ID
	check, err := c.Checks.Create(t.Context(), map[string]any{"name": "healthy", "type": proto.TypeCustomS2S,
		"input": map[string]any{"connection_id": integration.Value.ID, "operator": ">=", "score": 60}})
	must(t, err)
	ids["checks"] = check.Value.ID
	return ids
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// reader returns an API token with every read permission.
func reader(t *testing.T, c *client.Client) string {
	t.Helper()
	all, err := c.PermissionGroups(t.Context())
	must(t, err)
	var read []client.PermissionGroup
	for _, g := range all {
		if strings.HasSuffix(g.Name, " Read") {
			read = append(read, client.PermissionGroup{ID: g.ID})
		}
	}
	made, err := c.APITokens().Create(t.Context(), map[string]any{"name": "reader",
		"policies": []client.APITokenPolicy{c.ForAccount(read)}})
	must(t, err)
	return made.Value.Value
}

var wildcard = regexp.MustCompile(`\{[a-z]+\}`)

// concrete returns a path of a pattern, with ids that exist where one is known.
func concrete(pattern string, ids map[string]string) string {
	first := strings.Split(pattern, "/")[1]
	id := ids[first]
	if id == "" {
		id = ids["checks"]
	}
	return wildcard.ReplaceAllString(strings.Replace(pattern, "{action}", "revoke", 1), id)
}

// form returns values that forms have, so that as many as possible reach the API.
func form(ids map[string]string) url.Values {
	return url.Values{"name": {"changed"}, "reason": {"because"}, "confirm": {"on"}, "id": {ids["devices"]},
		"device": {ids["devices"]}, "check": {ids["checks"]}, "until": {"2030-01-02T15:04"}, "for": {"24h"},
		"duration": {"8760h"}, "days": {"90"}, "interval": {"1h"}, "key_rotation_interval_days": {"90"}, "hours": {"1"},
		"api_url": {"http://127.0.0.1:1/"}, "access_client_id": {"a.access"}, "access_client_secret": {"secret"},
		"integration": {ids["integrations"]}, "connection_id": {ids["integrations"]}, "operator": {">="}, "score": {"60"},
		"email": {"ann@example.com"}, "roles": {"05784afa30c1afe1440e79d9351c7430"}, "q": {"laptop"}, "expiration": {"1h"}}
}
