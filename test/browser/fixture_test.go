//go:build browser

package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/proto"
	"plumbline.dev/test/internal/stack"
	"plumbline.dev/test/scorer"
)

// laptop is Ada's: every browser on this machine runs on it.
var laptop = proto.Device{ID: proto.DeriveID(proto.Account{}, "ada's laptop"), Email: ada, Hostname: "laptop",
	IPv4: "127.0.0.1"}

const threshold = 50

// fixture is an installation with a provider, a device and a check over it.
type fixture struct {
	*testing.T
	plumb       *stack.Plumb
	control     *stack.Control
	team        string // URL
	idp         string // id
	issuer      string
	origin      *httptest.Server
	integration proto.ID
	check       proto.ID
	score       atomic.Int64
	changes     <-chan entry
}

// entry is one of the posture log, with when this test heard of it.
type entry struct {
	outcome proto.Outcome
	at      time.Time
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	w := &fixture{T: t}
	var err error
	if w.plumb, err = stack.New("up", filepath.Join(t.TempDir(), "data"), "--min-interval", "1s", "--overlay",
		"127.0.0.1/32"); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(w.plumb.Access)
	if err != nil {
		t.Fatal(err)
	}
	// Browsers take every name under localhost for this machine.
	w.team = "http://team.localhost:" + port
	w.plumb.Args = append(w.plumb.Args, "--team-domain", w.team)
	w.plumb.Start(t)
	w.plumb.AwaitReady(t)
	if w.control, err = w.plumb.Control(); err != nil {
		t.Fatal(err)
	}
	w.issuer = startProvider(t, w.team+"/cdn-cgi/access/callback")
	w.idp = w.newIDP("Example")
	w.origin = httptest.NewServer(http.HandlerFunc(serveApp))
	t.Cleanup(w.origin.Close)
	w.enrol()
	stack.Until(t, 20*time.Second, "the device passes", func() error {
		var shown json.RawMessage
		err := w.control.Call(t.Context(), http.MethodGet, "/plumbline/results/devices/"+laptop.ID.String(), nil, &shown)
		if err == nil && !strings.Contains(string(shown), `"outcome":"pass"`) {
			err = errors.New(string(shown))
		}
		return err
	})
	w.follow()
	return w
}

// serveApp is the application: it greets the user and has a link to its next page.
func serveApp(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(rw,
		`<!doctype html><title>Application</title><h1 id="hello">Hello %s at %s</h1><p id="path">%s</p><a id="next" href="/page?n=1">Next</a>`,
		html.EscapeString(r.Header.Get("Cf-Access-Authenticated-User-Email")), html.EscapeString(r.Host),
		html.EscapeString(r.RequestURI))
}

func (w *fixture) do(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// newIDP makes an identity provider with a prompt for the password at each login.
func (w *fixture) newIDP(name string) string {
	w.Helper()
	var made struct{ ID string }
	w.do(w.control.Call(w.Context(), http.MethodPost, "/access/identity_providers",
		map[string]any{"name": name, "type": "oidc",
			"config": map[string]any{"client_id": clientID, "client_secret": clientSecret, "x_issuer": w.issuer,
				"prompt": "login"}}, &made))
	return made.ID
}

// enrol makes the device, its check and a first result.
func (w *fixture) enrol() {
	w.Helper()
	w.score.Store(90)
	_, err := w.control.Import(w.Context(), func(yield func(proto.Device) bool) { yield(laptop) })
	w.do(err)
	api := &scorer.API{ClientID: "0123456789abcdef0123456789abcdef.access", ClientSecret: "the-secret"}
	api.Score(func(scorer.Device, int) any { return w.score.Load() })
	w.integration, err = w.control.CreateIntegration(w.Context(),
		stack.Integration{Name: "scores", URL: api.Listen(w), Interval: "1h",
			ClientID: api.ClientID, ClientSecret: api.ClientSecret})
	w.do(err)
	w.check, err = w.control.CreateCheck(w.Context(),
		stack.Check{Name: "Disk encryption", Integration: w.integration, Operator: ">=", Score: threshold})
	w.do(err)
}

// follow has the check's outcomes told as they are written.
func (w *fixture) follow() {
	w.Helper()
	conn, err := w.plumb.Follower(w.Context(), slog.New(slog.DiscardHandler))
	w.do(err)
	w.Cleanup(conn.Close)
	changes := make(chan entry, 100)
	w.changes = changes
	bustest.Run(w, func(ctx context.Context) error {
		return conn.Follow(ctx, bus.Following{}, func(_ context.Context, e bus.Event) error {
			if e.Kind == bus.EventChange && e.Ref.Check == w.check {
				changes <- entry{e.Ref.Outcome, time.Now()}
			}
			return nil
		})
	})
}

// scores has the device polled with another score and waits for the outcome in the posture log.
func (w *fixture) scores(score int64, want proto.Outcome) time.Time {
	w.Helper()
	w.score.Store(score)
	w.do(w.control.PollNow(w.Context(), w.integration))
	deadline := time.After(20 * time.Second * stack.Slowness())
	for {
		select {
		case e := <-w.changes:
			if e.outcome == want {
				return e.at
			}
		case <-deadline:
			w.Fatalf("the log does not tell of %v", want)
		}
	}
}

// serve puts an application in front of the origin and gives its URL, once the gateway knows it.
func (w *fixture) serve(name string, settings map[string]any, require ...any) string {
	w.Helper()
	include := []any{map[string]any{"email_domain": map[string]any{"domain": "example.com"}}}
	_, err := w.control.CreateGuarded(w.Context(),
		stack.Guarded{Name: name, Domain: name + ".localhost", Origin: w.origin.URL,
			Policies: []any{stack.Policy("people", "allow", include, require...)}, Settings: settings})
	w.do(err)
	_, port, err := net.SplitHostPort(w.plumb.Access)
	w.do(err)
	url := "http://" + name + ".localhost:" + port
	visitor := stack.NewVisitor(w, w.plumb.Access, "", nil)
	stack.Until(w, 10*time.Second, name+" is known", func() error {
		v, err := visitor.Get(w.Context(), url+"/")
		if err == nil && v.Status != http.StatusFound {
			err = errors.New(v.Body)
		}
		return err
	})
	return url
}
