package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
)

const bootstrap = "plumb_0123456789abcdefghijABCDEFGHIJ0123456789abcdef"

// system is an api on a real bus, with what answers it played by the test.
type system struct {
	t        testing.TB
	bus      *bustest.Bus
	conn     *bus.Conn
	account  proto.Account
	clock    *clock.Fake
	identity age.Identity
	cfg      Config
	api      *Service
	log      *lockedBuffer
	handler  http.Handler // of the replicas in turn
	fetcher  *fakeFetcher
	stop     func() // the newest replica, and wait for its end
}

func start(t testing.TB, options ...func(*Config)) *system {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	y := &system{
		t: t, bus: bustest.Start(t), account: proto.NewAccount(), identity: identity, log: &lockedBuffer{},
		clock: clock.NewFake(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
	}
	y.cfg = Config{Addr: "127.0.0.1:0", Account: y.account, BootstrapToken: bootstrap, SealTo: []age.Recipient{identity.Recipient()},
		SealGateway: []age.Recipient{identity.Recipient()}, TeamDomain: "https://team.example.com", MaxBody: 64 << 10}
	for _, o := range options {
		o(&y.cfg)
	}
	y.fetcher = newFakeFetcher(t, y.bus)
	y.conn = y.bus.Conn(topology.Operator)
	y.api = y.replica()
	if y.cfg.BootstrapToken != "" {
		bustest.Eventually(t, "the bootstrap token is in the audit log", func() bool { return len(y.trailOf(y.account)) == 1 })
		y.emptyAudit()
	}
	y.handler = y.api.handler
	return y
}

// replica starts one more api and waits until it is ready.
func (y *system) replica() *Service {
	y.t.Helper()
	s, err := New(y.cfg, Deps{Bus: y.bus.Conn(topology.API), Log: testLog(y.t, y.log), Metrics: prometheus.NewRegistry(), Clock: y.clock})
	if err != nil {
		y.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	y.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			y.t.Errorf("the api ended with %v", err)
		}
	})
	y.t.Cleanup(y.stop)
	bustest.Eventually(y.t, "the api is ready", func() bool { return s.Ready(y.t.Context()) == nil })
	if y.cfg.BootstrapToken != "" {
		if err := s.store.Tokens.AwaitRevision(y.t.Context(), 1); err != nil {
			y.t.Fatal(err)
		}
	}
	return s
}

// response is an answer with its envelope read.
type response struct {
	Status int
	Header http.Header
	Body   []byte

	Success bool
	Errors  []struct {
		Code    int
		Message string
	}
	Messages []struct {
		Code    int
		Message string
	}
	Result     json.RawMessage
	ResultInfo map[string]any `json:"result_info"`
}

func (y *system) path(path string) string {
	return "/client/v4/accounts/" + y.account.String() + path
}

// do makes a request as the bootstrap token; path is under the account.
func (y *system) do(method, path string, body any) response {
	y.t.Helper()
	return y.raw(y.request(method, y.path(path), body))
}

func (y *system) request(method, path string, body any) *http.Request {
	y.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	case io.Reader:
		r = b
	default:
		data, err := json.Marshal(body)
		if err != nil {
			y.t.Fatal(err)
		}
		r = bytes.NewReader(data)
	}
	req := httptest.NewRequest(method, path, r)
	req.Header.Set("Authorization", "Bearer "+bootstrap)
	req.Header.Set("Content-Type", "application/json")
	return req
}

func (y *system) raw(req *http.Request) response {
	y.t.Helper()
	w, sent := httptest.NewRecorder(), teed(req)
	y.handler.ServeHTTP(w, req)
	out := response{Status: w.Code, Header: w.Header(), Body: w.Body.Bytes()}
	if _, measured := y.t.(*testing.B); !measured {
		theDescription().holds(y.t, req, sent.Bytes(), w.Code, w.Header(), out.Body)
	}
	if err := json.Unmarshal(out.Body, &out); err != nil {
		y.t.Fatalf("%s %s: answer %d %q: %v", req.Method, req.URL.Path, w.Code, w.Body, err)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		y.t.Errorf("%s %s: content type %q", req.Method, req.URL.Path, got)
	}
	return out
}

// want makes a request that must be answered with a status, and decodes the result.
func (y *system) want(status int, method, path string, body any) map[string]any {
	y.t.Helper()
	r := y.do(method, path, body)
	if r.Status != status {
		y.t.Fatalf("%s %s: %d %s, wanted %d", method, path, r.Status, r.Body, status)
	}
	var m map[string]any
	_ = json.Unmarshal(r.Result, &m) // lists and null are nobody's result here
	return m
}

// refused makes a request that must be refused.
func (y *system) refused(status, code int, method, path string, body any) string {
	y.t.Helper()
	r := y.do(method, path, body)
	if r.Status != status || len(r.Errors) != 1 || r.Errors[0].Code != code || r.Success || string(r.Result) != "null" {
		y.t.Fatalf("%s %s: %d %s, wanted %d and code %d", method, path, r.Status, r.Body, status, code)
	}
	return r.Errors[0].Message
}

// fakeFetcher answers probes.
type fakeFetcher struct {
	mu     sync.Mutex
	probes []proto.Probe
	poll   proto.Poll
	hook   func()
	sub    *nats.Subscription
}

func newFakeFetcher(t testing.TB, b *bustest.Bus) *fakeFetcher {
	f := &fakeFetcher{}
	conn := b.Conn(topology.Fetcher)
	var err error
	f.sub, err = conn.NATS().Subscribe(topology.AskedByAll(topology.AllProbes), func(m *nats.Msg) {
		var p proto.Probe
		if err := proto.Unmarshal(m.Data, &p); err != nil {
			t.Error(err)
		}
		f.mu.Lock()
		f.probes = append(f.probes, p)
		answer := proto.ProbeAnswer{Poll: f.poll}
		hook := f.hook
		f.hook = nil
		f.mu.Unlock()
		if hook != nil {
			hook()
		}
		data, err := proto.Marshal(&answer)
		if err != nil {
			t.Error(err)
		}
		if err := m.Respond(data); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.NATS().Flush(); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fakeFetcher) answers(p proto.Poll) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.poll = p
}

func (f *fakeFetcher) seen() []proto.Probe {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]proto.Probe(nil), f.probes...)
}

const (
	secretText = "cfast_TheSecretThatNobodyMaySeeAgain000000000000000000"
	apiURL     = "https://scores.example.com/v1/devices?x=%41&y=<b>"
)

func integrationBody() map[string]any {
	return map[string]any{
		"name": "Scores", "type": "custom_s2s", "interval": "10m",
		"config": map[string]any{"api_url": apiURL, "access_client_id": "0123456789abcdef0123456789abcdef.access", "access_client_secret": secretText},
	}
}

func ruleBody(integration any) map[string]any {
	return map[string]any{
		"name": "Healthy", "type": "custom_s2s", "expiration": "1h",
		"input": map[string]any{"connection_id": integration, "operator": ">=", "score": 60},
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func jsonText(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func text(m map[string]any, name string) string { return fmt.Sprint(m[name]) }
