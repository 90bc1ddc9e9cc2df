package forward

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/internal/policy"
)

// decider is a fake gate with a simple rule for each request.
type decider struct {
	mu    sync.Mutex
	asked []*gate.Request
	panic bool
}

const ray = "0123456789abcdef"

func (d *decider) Check(_ context.Context, r *gate.Request) *gate.Answer {
	d.mu.Lock()
	d.asked = append(d.asked, r)
	d.mu.Unlock()
	if d.panic {
		panic("SECRET")
	}
	a := &gate.Answer{Ray: ray, App: gate.Application{Value: &proto.Application{Gate: proto.Gate{TokenHeader: "X-Creds"}}}}
	say := func(status int, why policy.Reason, header http.Header, body string) *gate.Answer {
		a.Decision.Reason = why
		header.Set("Cf-Ray", ray)
		a.Response = &gate.Response{Status: status, Header: header, Body: []byte(body)}
		return a
	}
	switch path := r.URL.Path; {
	case r.Method == "OPTIONS":
		return say(200, policy.Preflight, http.Header{"Access-Control-Allow-Origin": {"*"}}, "")
	case path == "/public":
		a.Decision.Reason = policy.Bypass
	case path == "/denied":
		return say(403, policy.Denied, http.Header{"Content-Type": {"text/html"}, "Vary": {"Accept", "Origin"}},
			"<h1>denied</h1>")
	case path == "/stale":
		return say(503, policy.Stale, http.Header{"Retry-After": {"5"}}, "stale")
	case path == "/nothing":
		// Neither admitted nor denied, which must never occur.
	case r.Header.Get("Cf-Access-Client-Id") == "wrong":
		return say(401, policy.WrongSecret, http.Header{"Www-Authenticate": {"Cloudflare-Access"}}, "wrong")
	case r.Header.Get("Cf-Access-Client-Id") == "good":
		a.Decision.Reason, a.Assertion = policy.ServiceAuth, "signed-for-service"
		a.SetCookies = []*http.Cookie{{Name: "CF_Authorization", Value: "v"}}
	case r.Header.Get("X-Creds") != "":
		a.Decision.Reason, a.Assertion, a.Drop = policy.ServiceAuth, "signed-for-service", []string{"X-Creds"}
	case strings.HasPrefix(r.Header.Get("Authorization"), "{"):
		a.Decision.Reason, a.Assertion, a.Drop = policy.ServiceAuth, "signed-for-service", []string{"Authorization"}
	case strings.Contains(r.Header.Get("Cookie"), "CF_Authorization=person"):
		a.Decision.Reason, a.Assertion, a.Email = policy.Allow, "signed-for-bob", "bob@example.com"
		a.Identity.Session = &proto.Session{Email: "bob@example.com"}
	default:
		return say(302, policy.LoginRequired,
			http.Header{"Location": {"https://team.example.com/login?a=b&c=d"}, "Set-Cookie": {"CF_AppSession=1"}}, "")
	}
	return a
}

// last is the latest request, and count is the number of requests.
func (d *decider) last(t *testing.T) *gate.Request {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.asked) == 0 {
		t.Fatal("the gate was not asked")
	}
	return d.asked[len(d.asked)-1]
}

func (d *decider) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.asked)
}

// origin records the latest request.
type origin struct {
	*httptest.Server
	mu   sync.Mutex
	last *http.Request
}

func newOrigin(t *testing.T) *origin {
	o := new(origin)
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		o.last = r
		o.mu.Unlock()
		w.Write([]byte("origin"))
	}))
	t.Cleanup(o.Close)
	return o
}

// take returns the request received by the origin since the previous call, or nil.
func (o *origin) take() *http.Request {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := o.last
	o.last = nil
	return r
}

func newHandler(t *testing.T, cfg Config) (*httptest.Server, *decider) {
	t.Helper()
	d := new(decider)
	h, err := New(cfg, Deps{Gate: d, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s, d
}
