package plumb_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/creds"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/plumb"
)

// swept is an installation with applications protected by every kind of record.
type swept struct {
	t      *testing.T
	cfg    plumb.Config
	client *http.Client
	logs   *logged
	i      plumb.Installation
	stop   func()
	writer *bus.Conn // the operator's; breaks headers with bustest.BrokenHeader

	integration, check string
	good, off          credentials
	beat               beat
}

// beat proves that the gateway has read a bucket up to a point: a record written after the garbage, which changes the
// gateway's response.
type beat struct {
	app, policy string
	body        object
	token       credentials
	on          bool
}

type credentials struct {
	ID           string `json:"id"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

// logged stores the services' log, and copies it to the test's log.
type logged struct {
	mu   sync.Mutex
	text *bytes.Buffer
}

func (l *logged) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.text.Bytes(), []byte(text))
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func newSwept(t *testing.T) *swept {
	t.Helper()
	s := &swept{t: t, cfg: config(t, t.TempDir()), client: &http.Client{Timeout: 20 * time.Second},
		logs: &logged{text: &bytes.Buffer{}}}
	s.cfg.Gateway.Overlay = []netip.Prefix{netip.MustParsePrefix("100.64.0.0/10")}
	s.cfg.Gateway.TrustedProxy = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	s.start()
	s.setUp()
	return s
}

// start runs every service until stop is called, and waits until they are ready.
func (s *swept) start() {
	s.t.Helper()
	service := s.run()
	ready, stop := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer stop()
	var err error
	if s.i, err = service.Await(ready); err != nil {
		s.logs.mu.Lock()
		defer s.logs.mu.Unlock()
		text := s.logs.text.String()
		s.t.Fatal(errors.Join(err, service.Ready(s.t.Context())), "\n", text[max(0, len(text)-20_000):])
	}
	// The next start uses the same addresses, because an installation reports them only once it is ready.
	for url, addr := range map[string]*string{s.i.APIURL: &s.cfg.APIAddr, s.i.AccessURL: &s.cfg.AccessAddr,
		s.i.AdminURL: &s.cfg.AdminAddr} {
		*addr = strings.TrimPrefix(url, "http://")
	}
	s.cfg.NATSAddr = s.i.NATSAddr
	s.connect()
}

// startBroken is start with records preventing readiness.
func (s *swept) startBroken() *plumb.Service {
	s.t.Helper()
	service := s.run()
	bustest.Eventually(s.t, "the services listen", func() bool {
		for _, addr := range []string{s.cfg.APIAddr, s.cfg.AccessAddr, s.cfg.NATSAddr} {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				return false
			}
			c.Close()
		}
		return true
	})
	s.connect()
	return service
}

func (s *swept) run() *plumb.Service {
	s.t.Helper()
	service, err := plumb.New(s.cfg,
		plumb.Deps{Log: slog.New(slog.NewTextHandler(s.logs, nil)), Metrics: cli.Metrics(), Clock: clock.System})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	ended := make(chan struct{})
	go func() {
		if err := <-done; err != nil || ctx.Err() == nil {
			s.t.Errorf("the services ended with %v", err)
		}
		close(ended)
	}()
	s.writer = nil
	s.stop = sync.OnceFunc(func() {
		if s.writer != nil {
			s.writer.Close()
		}
		cancel()
		<-ended
	})
	s.t.Cleanup(s.stop)
	return service
}

// connect connects as the operator.
func (s *swept) connect() {
	s.t.Helper()
	authority, err := creds.Open(filepath.Join(s.cfg.Data, "nats"))
	if err != nil {
		s.t.Fatal(err)
	}
	token, seed, err := authority.User(topology.Operator)
	if err != nil {
		s.t.Fatal(err)
	}
	s.writer, err = bus.Connect(s.t.Context(),
		bus.Config{URL: "nats://" + s.i.NATSAddr, Role: topology.Operator, Log: bustest.Log(s.t),
			Options: []nats.Option{nats.UserJWTAndSeed(token, seed), nats.SetCustomDialer(breaker{})}})
	if err != nil {
		s.t.Fatal(err)
	}
}

// breaker dials connections corrupting the header [bustest.BrokenHeader].
type breaker struct{}

func (breaker) Dial(network, address string) (net.Conn, error) {
	c, err := net.Dial(network, address)
	return breakerConn{c}, err
}

type breakerConn struct{ net.Conn }

func (c breakerConn) Write(p []byte) (int, error) {
	return c.Conn.Write(bytes.ReplaceAll(p, []byte(bustest.BrokenHeader+":"), []byte(bustest.BrokenHeader+";")))
}

// api calls the control plane and returns the result; status 0 is any of success.
func (s *swept) api(method, path, kind string, body any) (int, json.RawMessage) {
	s.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			s.t.Fatal(err)
		}
		r = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method,
		s.i.APIURL+"/client/v4/accounts/"+s.i.Account.String()+path, r)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.i.Token)
	req.Header.Set("Content-Type", kind)
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	var e struct{ Result json.RawMessage }
	_ = json.Unmarshal(data, &e)
	if resp.StatusCode/100 != 2 {
		e.Result = data
	}
	return resp.StatusCode, e.Result
}

// must calls the control plane and returns the id of the created resource.
func (s *swept) must(method, path string, body, into any) {
	s.t.Helper()
	status, result := s.api(method, path, "application/json", body)
	if status/100 != 2 {
		s.t.Fatalf("%s %s: %d %s", method, path, status, result)
	}
	if into != nil {
		if err := json.Unmarshal(result, into); err != nil {
			s.t.Fatalf("%s %s: %s: %v", method, path, result, err)
		}
	}
}

func (s *swept) id(path string, body any) string {
	s.t.Helper()
	var made struct{ ID string }
	s.must("POST", path, body, &made)
	return made.ID
}

type object = map[string]any

func rule(selector string, of object) object { return object{selector: of} }

// setUp makes the account: each application is open or closed by other records.
func (s *swept) setUp() {
	s.t.Helper()
	scores := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			Devices []struct {
				ID       string `json:"device_id"`
				Hostname string `json:"hostname"`
			} `json:"devices"`
		}
		_ = json.NewDecoder(r.Body).Decode(&q)
		result := object{}
		for _, d := range q.Devices {
			var score int
			_, _ = fmt.Sscanf(d.Hostname, "host-%d", &score)
			result[d.ID] = object{"s2s_id": "", "score": score}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(object{"result": result})
	}))
	s.t.Cleanup(scores.Close)
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "origin")
	}))
	s.t.Cleanup(origin.Close)

	if status, result := s.api("POST", "/plumbline/devices", "text/csv", "device_id,virtual_ipv4,hostname\n"+
		"11111111-1111-4111-8111-111111111111,100.64.0.1,host-80\n"+
		"22222222-2222-4222-8222-222222222222,100.64.0.2,host-10\n"); status/100 != 2 {
		s.t.Fatalf("import: %d %s", status, result)
	}
	s.integration = s.id("/devices/posture/integration",
		object{"name": "scores", "type": "custom_s2s", "interval": "1h", "config": object{
			"api_url": scores.URL, "access_client_id": strings.Repeat("a", 32) + ".access", "access_client_secret": "secret"}})
	s.check = s.id("/devices/posture", object{"name": "good", "type": "custom_s2s", "expiration": "24h",
		"input": object{"connection_id": s.integration, "operator": ">=", "score": 60}})
	s.must("POST", "/access/service_tokens", object{"name": "good"}, &s.good)
	s.must("POST", "/access/service_tokens", object{"name": "off"}, &s.off)
	s.must("POST", "/access/service_tokens", object{"name": "beat"}, &s.beat.token)
	s.must("PUT", "/access/service_tokens/"+s.off.ID, object{"enabled": false}, nil)
	s.id("/tokens", object{"name": "another", "policies": []any{object{"effect": "allow",
		"permission_groups": []any{object{"id": "959972745952452f8be2452be8cbb9f2"}},
		"resources":         object{"com.cloudflare.api.account." + s.i.Account.String(): "*"}}}})
	s.id("/access/identity_providers",
		object{"name": "SSO", "type": "oidc", "config": object{"client_id": "us", "client_secret": "secret",
			"auth_url": scores.URL, "token_url": scores.URL, "certs_url": scores.URL}})
	s.must("POST", "/access/tags", object{"name": "tag"}, nil)
	s.must("PATCH", "/access/organizations", object{"session_duration": "24h"}, nil)
	everyone, here := rule("everyone", object{}), rule("ip", object{"ip": "0.0.0.0/0"})
	group := s.id("/access/groups", object{"name": "here", "include": []any{here}})
	policy := func(name, decision string, more object) string {
		body := object{"name": name, "decision": decision}
		for k, v := range more {
			body[k] = v
		}
		return s.id("/access/policies", body)
	}
	token := []any{rule("service_token", object{"token_id": s.good.ID}),
		rule("service_token", object{"token_id": s.off.ID})}
	machines := policy("machines", "non_identity", object{"include": token})
	bypass := policy("bypass", "bypass", object{"include": []any{everyone}})
	outside := policy("outside", "bypass",
		object{"include": []any{everyone}, "exclude": []any{rule("group", object{"id": group})}})
	s.beat.policy = policy("beat", "bypass", object{"include": []any{everyone}})
	beats := policy("beats", "non_identity",
		object{"include": []any{rule("service_token", object{"token_id": s.beat.token.ID})}})
	s.id("/access/apps",
		object{"name": "token beat", "domain": "token.beat.test", "x_origin_url": origin.URL, "policies": []any{beats}})
	s.beat.body = object{"name": "beat", "domain": "beat.test", "x_origin_url": origin.URL, "policies": []any{}}
	s.beat.app = s.id("/access/apps", s.beat.body)
	healthy := policy("healthy", "non_identity",
		object{"include": token, "require": []any{rule("device_posture", object{"integration_uid": s.check})}})
	for domain, policies := range map[string][]any{
		"closed.test": {machines}, "shop.test": {bypass}, "shop.test/admin": {machines},
		"grouped.test": {outside}, "posture.test": {healthy}, "open.test": {bypass}, "nothing.test": {},
	} {
		s.id("/access/apps",
			object{"name": domain, "domain": domain, "type": "self_hosted", "x_origin_url": origin.URL, "policies": policies})
	}
	req, _ := http.NewRequestWithContext(s.t.Context(), "PUT", s.i.APIURL+"/client/v4/zones/"+proto.NewAccount().String(),
		strings.NewReader(`{"name":"zone.test"}`))
	req.Header.Set("Authorization", "Bearer "+s.i.Token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.client.Do(req)
	if err != nil || resp.StatusCode != 200 {
		s.t.Fatal(resp, err)
	}
	resp.Body.Close()
	s.must("POST", "/plumbline/integrations/"+s.integration+"/poll", nil, nil)
}

// visit is a request to the gateway.
type visit struct {
	name, host, path string
	as               *credentials
	address          string // of the device, as a proxy says it
	secret           string // in place of the credentials' own
}

func (s *swept) visit(v visit) int {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), "GET", s.i.AccessURL+v.path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Host = v.host
	if v.as != nil {
		req.Header.Set("CF-Access-Client-Id", v.as.ClientID)
		req.Header.Set("CF-Access-Client-Secret", v.as.ClientSecret)
		if v.secret != "" {
			req.Header.Set("CF-Access-Client-Secret", v.secret)
		}
	}
	if v.address != "" {
		req.Header.Set("X-Forwarded-For", v.address)
	}
	client := *s.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		s.t.Fatalf("%s: %v", v.name, err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode == http.StatusOK && string(body) != "origin" {
		return 0
	}
	return resp.StatusCode
}

// denied are requests denied for every state of the records.
func (s *swept) denied() []visit {
	return []visit{
		{name: "no credentials", host: "closed.test", path: "/"},
		{name: "a wrong secret", host: "closed.test", path: "/", as: &s.good, secret: "wrong"},
		{name: "a disabled token", host: "closed.test", path: "/", as: &s.off},
		{name: "a path within an open application", host: "shop.test", path: "/admin/x"},
		{name: "an excluded group", host: "grouped.test", path: "/"},
		{name: "a device that fails", host: "posture.test", path: "/", as: &s.good, address: "100.64.0.2"},
		{name: "an address of no device", host: "posture.test", path: "/", as: &s.good, address: "100.64.0.9"},
		{name: "an application without policies", host: "nothing.test", path: "/", as: &s.good},
		{name: "a host of no application", host: "unknown.test", path: "/", as: &s.good},
	}
}

// allowed are requests allowed by readable records.
func (s *swept) allowed() []visit {
	return []visit{
		{name: "a service token", host: "closed.test", path: "/", as: &s.good},
		{name: "a token at a path", host: "shop.test", path: "/admin/x", as: &s.good},
		{name: "a bypass", host: "open.test", path: "/"},
		{name: "a device that passes", host: "posture.test", path: "/", as: &s.good, address: "100.64.0.1"},
	}
}

// read waits until the gateway has read a bucket up to the time of the call. For other streams it does not wait.
func (s *swept) read(t *testing.T, stream string) {
	t.Helper()
	want := func(v visit) {
		t.Helper()
		bustest.Eventually(t, "the gateway has read "+stream, func() bool {
			return (s.visit(v) == http.StatusOK) == s.beat.on
		})
	}
	switch stream {
	case topology.BucketStream(topology.Config):
		s.beat.on = !s.beat.on
		s.beat.body["policies"] = []any{}
		if s.beat.on {
			s.beat.body["policies"] = []any{s.beat.policy}
		}
		s.must("PUT", "/access/apps/"+s.beat.app, s.beat.body, nil)
		want(visit{name: "beat", host: "beat.test", path: "/"})
	case topology.BucketStream(topology.Tokens):
		s.beat.on = !s.beat.on
		s.must("PUT", "/access/service_tokens/"+s.beat.token.ID, object{"enabled": s.beat.on}, nil)
		want(visit{name: "beat", host: "token.beat.test", path: "/", as: &s.beat.token})
	}
}

// beats reports whether a key is needed by read, or is the test's own API token.
func (s *swept) beats(key string) bool {
	own := sha256.Sum256([]byte(s.i.Token))
	if strings.Contains(key, hex.EncodeToString(own[:])) {
		return true
	}
	for _, id := range []string{s.beat.app, s.beat.policy, strings.TrimSuffix(s.beat.token.ClientID, ".access")} {
		if strings.Contains(key, id) {
			return true
		}
	}
	return false
}

// poll orders a poll and waits until the page of devices has its results: an entry follows in any case.
func (s *swept) poll(t *testing.T) {
	t.Helper()
	var ordered struct {
		Tick uint64 `json:"tick"`
		At   string `json:"at"`
	}
	path := "/plumbline/integrations/" + s.integration
	bustest.Eventually(t, "a poll is ordered", func() bool {
		status, result := s.api("POST", path+"/poll", "application/json", nil)
		return status/100 == 2 && json.Unmarshal(result, &ordered) == nil
	})
	last := ""
	defer func() {
		if t.Failed() {
			t.Log(last)
		}
	}()
	bustest.Eventually(t, "the poll is done", func() bool {
		var poll struct{ Devices, Pass, Fail int }
		status, result := s.api("GET", fmt.Sprintf("%s/polls/%d?since=%s", path, ordered.Tick, ordered.At), "", nil)
		last = fmt.Sprintf("%d %s", status, result)
		// The devices are those on the finished pages.
		return status == 200 && json.Unmarshal(result, &poll) == nil && poll.Devices == 2 && poll.Pass == 1 && poll.Fail == 1
	})
	for _, v := range s.allowed() {
		bustest.Eventually(t, "polled: allowed: "+v.name, func() bool { return s.visit(v) == http.StatusOK })
	}
}
