package fetcher

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

const probedSecret = `cfast_/+"<secret>&`

// reported makes a probe with a report.
func (w *fixture) reported(url string, devices []proto.Device) *proto.ProbeAnswer {
	w.t.Helper()
	id := proto.NewID()
	return w.ask(&proto.Probe{Integration: id, APIURL: url, ClientID: "c.access",
		SealedSecret: w.seal(id, probedSecret), Page: &proto.Page{Devices: devices}, Report: true})
}

func (w *fixture) ask(q *proto.Probe) *proto.ProbeAnswer {
	w.t.Helper()
	var answer proto.ProbeAnswer
	bustest.Eventually(w.t, "a fetcher answers the probe", func() bool {
		answer = proto.ProbeAnswer{}
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
		defer cancel()
		return w.api.Request(ctx, topology.Probe(w.account), q, &answer) == nil
	})
	return &answer
}

func someDevices(n int) []proto.Device {
	all := make([]proto.Device, n)
	for i := range all {
		all[i] = proto.Device{ID: proto.NewID(), Hostname: fmt.Sprintf("host-%d", i), Email: "a@example.com"}
	}
	return all
}

func headerOf(all []proto.ProbeHeader, name string) string {
	for _, h := range all {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// secure starts an API with TLS, and returns it with a configuration trusting its certificate.
func secure(t *testing.T, serve http.HandlerFunc) (*httptest.Server, Config) {
	s := httptest.NewUnstartedServer(serve)
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	cfg := quick()
	cfg.Egress.RootCAs = x509.NewCertPool()
	cfg.Egress.RootCAs.AddCert(s.Certificate())
	return s, cfg
}

func TestReportOfASuccessfulProbe(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	devices := someDevices(4)
	server, cfg := secure(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Set-Cookie", "session=private")
		entries(`{"score":80,"s2s_id":"a"}`, `{"score":"x"}`, "", `{"score":7}`)(rw, r,
			[]proto.ID{devices[0].ID, devices[1].ID, devices[2].ID, devices[3].ID})
	})
	w.start(cfg)
	a := w.reported(server.URL+"/score?a=b", devices)
	if a.Poll.Error != proto.ReasonNone || a.Poll.Attempts != 1 || a.Report == nil {
		t.Fatalf("%+v", a)
	}
	r, c := a.Report, a.Report.Connection
	if c == nil || c.Address != server.Listener.Addr().String() || c.TLSVersion != "TLS 1.3" || c.CipherSuite == "" ||
		c.Connected == 0 || c.Handshake == 0 || c.Failure != "" || c.Proxied {
		t.Errorf("connection %+v", c)
	}
	if x := c.Certificate; x == nil || !x.Trusted || !slices.Contains(x.Names, "example.com") || x.Issuer == "" ||
		x.NotAfter != proto.At(server.Certificate().NotAfter) {
		t.Errorf("certificate %+v", x)
	}
	if r.Status != 200 || r.Protocol != "HTTP/2.0" || r.Took == 0 || r.FirstByte == 0 || r.FirstByte > r.Took {
		t.Errorf("status %d, %s, first byte after %v, all after %v", r.Status, r.Protocol, r.FirstByte, r.Took)
	}
	if r.Response.Size != int64(len(r.Response.Body)) || r.Response.Cut || r.Response.Unread ||
		!strings.HasPrefix(string(r.Response.Body), `{"result":{"`+devices[0].ID.String()) {
		t.Errorf("response %+v, %s", r.Response, r.Response.Body)
	}
	if r.Response.Withheld != "" {
		t.Errorf("shown, and withheld: %s", r.Response.Withheld)
	}
	if headerOf(r.Response.Header, "Set-Cookie") != proto.Hidden {
		t.Errorf("response header %v", r.Response.Header)
	}
	if q := r.Request; q.Method != "POST" || q.URL != server.URL+"/score?a=b" || q.Size != int64(len(q.Body)) ||
		!strings.Contains(string(q.Body), `"hostname":"host-3"`) ||
		headerOf(q.Header, "Cf-Access-Client-Id") != "c.access" ||
		headerOf(q.Header, "Cf-Access-Client-Secret") != proto.Hidden {
		t.Errorf("request %+v, %s", q, q.Body)
	}
	if !r.Credential.Sent || r.Credential.Refused || !strings.Contains(r.Credential.Detail, "No application covers") {
		t.Errorf("credential %+v", r.Credential)
	}
	want := []proto.Observation{{Device: devices[0].ID, Score: 80, S2SID: "a"},
		{Device: devices[1].ID, Score: proto.NoScore, Problem: proto.ReasonInvalidScore},
		{Device: devices[2].ID, Score: proto.NoScore, Problem: proto.ReasonMissing}, {Device: devices[3].ID, Score: 7}}
	if diff := cmp.Diff(want, r.Result.Observations); diff != "" {
		t.Errorf("observations (-want +got):\n%s", diff)
	}
}

// TestAnInternalResponseIsNotShown checks that whoever may test integrations cannot read what only the network of the
// fetchers can, and still learns how the call went.
func TestAnInternalResponseIsNotShown(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	devices := someDevices(1)
	server := newAPI(t, func(rw http.ResponseWriter, r *http.Request, asked []proto.ID) {
		rw.Header().Set("X-Internal", "build-4711")
		if r.URL.Path == "/admin" {
			rw.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(rw, "everyone's passwords")
			return
		}
		entries(`{"score":80}`)(rw, r, asked)
	})
	cfg := quick()
	cfg.Egress.Allow = nil
	w.start(cfg)
	for path, want := range map[string]struct {
		status int
		why    proto.Reason
	}{"/admin": {http.StatusTeapot, proto.ReasonAPIError}, "/score": {http.StatusOK, proto.ReasonNone}} {
		a := w.reported(server.URL+path, devices)
		if a.Report == nil || a.Report.Response == nil {
			t.Fatalf("%s: %+v", path, a)
		}
		r := a.Report.Response
		if len(r.Header) != 0 || len(r.Body) != 0 || !r.Cut || r.Size == 0 || a.Report.Status != want.status ||
			a.Report.Took == 0 || a.Poll.Error != want.why || strings.Contains(a.Poll.Detail, "password") {
			t.Errorf("%s: %+v, %+v, status %d", path, a.Poll, r, a.Report.Status)
		}
		if !strings.Contains(r.Withheld, "127.0.0.1 is not a public address") ||
			!strings.Contains(r.Withheld, "--egress-allow") {
			t.Errorf("%s: %q", path, r.Withheld)
		}
		if scored := a.Report.Result; (scored != nil) != (want.why == proto.ReasonNone) ||
			scored != nil && scored.Observations[0].Score != 80 {
			t.Errorf("%s: %+v", path, scored)
		}
	}
}

// A report of a failed probe names the failed step, and shows everything up to it.
func TestReportsOfFailures(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	cfg := quick()
	cfg.ProbeTimeout, cfg.MaxAnswer = 10*time.Second, 200_000
	_, refusing, err := net.SplitHostPort(strings.TrimPrefix(closedPort(t), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Egress.DenyAddrs = []string{"127.0.0.1:9"}
	w.start(cfg)
	untrusted, _ := secure(t, func(http.ResponseWriter, *http.Request) { t.Error("an untrusted API was called") })
	followed := newAPI(t, func(http.ResponseWriter, *http.Request, []proto.ID) { t.Error("a redirect was followed") })
	echo := func(status int) func(http.ResponseWriter, *http.Request, []proto.ID) {
		return func(rw http.ResponseWriter, r *http.Request, _ []proto.ID) {
			rw.Header().Set("X-Echo", r.Header.Get("CF-Access-Client-Secret"))
			rw.WriteHeader(status)
			fmt.Fprintf(rw, "you sent %q and no more", r.Header.Get("CF-Access-Client-Secret"))
		}
	}
	for _, c := range []struct {
		name  string
		url   string
		serve func(http.ResponseWriter, *http.Request, []proto.ID)
		why   proto.Reason
		says  string // of the poll
		check func(t *testing.T, r *proto.ProbeReport)
	}{
		{name: "untrusted", url: untrusted.URL, why: proto.ReasonAPIError, says: "not trusted",
			check: func(t *testing.T, r *proto.ProbeReport) {
				c := r.Connection
				if c.Connected == 0 || !strings.Contains(c.Failure, "not trusted") || c.Certificate == nil ||
					c.Certificate.Trusted || c.Certificate.NotAfter != proto.At(untrusted.Certificate().NotAfter) ||
					r.Response != nil {
					t.Errorf("%+v, %+v", c, c.Certificate)
				}
			}},
		{name: "refused", url: "http://127.0.0.1:" + refusing, why: proto.ReasonAPIError, says: "refused the connection",
			check: func(t *testing.T, r *proto.ProbeReport) {
				if c := r.Connection; c.Connected != 0 || c.Address != "127.0.0.1:"+refusing ||
					!strings.Contains(c.Failure, "refused") {
					t.Errorf("%+v", c)
				}
			}},
		{name: "egress denied", url: "http://localhost:9/", why: proto.ReasonAPIError, says: "Plumbline itself",
			check: func(t *testing.T, r *proto.ProbeReport) {
				if c := r.Connection; c.Connected != 0 || !strings.Contains(c.Failure, "Plumbline itself") {
					t.Errorf("%+v", c)
				}
			}},
		{name: "an address that is never called", url: "http://169.254.169.254/", why: proto.ReasonAPIError,
			says: "link-local", check: func(t *testing.T, r *proto.ProbeReport) {
				if r != nil {
					t.Errorf("%+v", r)
				}
			}},
		{name: "redirect", serve: func(rw http.ResponseWriter, r *http.Request, _ []proto.ID) {
			http.Redirect(rw, r, followed.URL, http.StatusFound)
		}, why: proto.ReasonAuthFailed, says: "redirect", check: func(t *testing.T, r *proto.ProbeReport) {
			if r.Status != 302 || headerOf(r.Response.Header, "Location") != followed.URL || !r.Credential.Refused {
				t.Errorf("%+v", r)
			}
		}},
		{name: "refusal", serve: echo(403), why: proto.ReasonAuthFailed, says: "403",
			check: func(t *testing.T, r *proto.ProbeReport) {
				if !r.Credential.Refused || headerOf(r.Response.Header, "X-Echo") != proto.Hidden ||
					string(r.Response.Body) != `you sent "(hidden)" and no more` || r.Response.Unread {
					t.Errorf("%+v, %s", r.Response, r.Response.Body)
				}
			}},
		{name: "broken", serve: echo(500), why: proto.ReasonAPIError, says: "500",
			check: func(t *testing.T, r *proto.ProbeReport) {
				if r.Credential.Refused || string(r.Response.Body) != `you sent "(hidden)" and no more` {
					t.Errorf("%+v, %s", r.Credential, r.Response.Body)
				}
			}},
		{name: "slow", serve: func(_ http.ResponseWriter, r *http.Request, _ []proto.ID) { <-r.Context().Done() },
			why: proto.ReasonTimeout, says: "in time", check: func(t *testing.T, r *proto.ProbeReport) {
				if r.Connection.Connected == 0 || r.Connection.Failure != "" || r.Response != nil || r.FirstByte != 0 ||
					r.Took < time.Second {
					t.Errorf("%+v, %+v", r, r.Connection)
				}
			}},
		{name: "slow body", serve: func(rw http.ResponseWriter, r *http.Request, _ []proto.ID) {
			_, _ = io.WriteString(rw, `{"result":`)
			rw.(http.Flusher).Flush()
			<-r.Context().Done()
		}, why: proto.ReasonTimeout, says: "in time", check: func(t *testing.T, r *proto.ProbeReport) {
			if string(r.Response.Body) != `{"result":` || !r.Response.Unread {
				t.Errorf("%+v", r.Response)
			}
		}},
		{name: "oversize", serve: func(rw http.ResponseWriter, _ *http.Request, _ []proto.ID) {
			_, _ = io.WriteString(rw, `{"x":"`+strings.Repeat("y", 300_000)+`"}`)
		}, why: proto.ReasonBadResponse, says: "200000 bytes", check: func(t *testing.T, r *proto.ProbeReport) {
			if b := r.Response; len(b.Body) != proto.MaxProbeBody || !b.Cut || !b.Unread || b.Size < 200_000 {
				t.Errorf("%d bytes of %d, %t, %t", len(b.Body), b.Size, b.Cut, b.Unread)
			}
		}},
		{name: "not JSON", serve: reply(200, "<p>login"+strings.Repeat(" ", 10_000)+"end"), why: proto.ReasonBadResponse,
			says: "not JSON", check: func(t *testing.T, r *proto.ProbeReport) {
				if !strings.HasSuffix(string(r.Response.Body), "end") || r.Response.Unread || r.Result != nil {
					t.Errorf("%d bytes, %+v", len(r.Response.Body), r.Result)
				}
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := c.url
			if url == "" {
				url = newAPI(t, c.serve).URL
			}
			a := w.reported(url, someDevices(2))
			if a.Poll.Error != c.why || !strings.Contains(a.Poll.Detail, c.says) || a.Poll.Attempts > 1 {
				t.Errorf("%+v, want %v, %q", a.Poll, c.why, c.says)
			}
			if text := fmt.Sprintf("%+v %s", a, mustMarshal(t, a)); strings.Contains(text, probedSecret) {
				t.Errorf("the secret is in the report: %s", text)
			}
			if a.Report == nil && c.name != "an address that is never called" {
				t.Fatalf("no report: %+v", a.Poll)
			}
			c.check(t, a.Report)
		})
	}
}

func mustMarshal(t *testing.T, m proto.Message) []byte {
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestReportOfAnApplicationToken(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.start(quick())
	x, _ := w.exchange()
	admit := true
	var mu sync.Mutex
	api := newAPI(t, func(rw http.ResponseWriter, r *http.Request, devices []proto.ID) {
		mu.Lock()
		defer mu.Unlock()
		if !admit {
			rw.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(rw, r.Header.Get("Cf-Access-Jwt-Assertion"))
			return
		}
		answer(rw, devices)
	})
	app := w.protect(host(api.URL), "")
	revision, err := w.api.Get(t.Context(), topology.Config,
		topology.ConfigKey(w.account, topology.KindApplication, app.ID), new(proto.Application))
	if err != nil {
		t.Fatal(err)
	}
	id := proto.NewID()
	probe := func() *proto.ProbeAnswer {
		return w.ask(&proto.Probe{Integration: id, APIURL: api.URL, ClientID: "c", SealedSecret: w.seal(id, "s-e-c-r-e-t"),
			ConfigRevision: revision, Report: true})
	}
	a := probe()
	if c := a.Report.Credential; c.Application != app.ID || !c.Sent || c.Refused ||
		headerOf(a.Report.Request.Header, "Cf-Access-Jwt-Assertion") != proto.Hidden {
		t.Errorf("accepted: %+v, %+v", c, a.Report.Request.Header)
	}
	mu.Lock()
	admit = false
	mu.Unlock()
	a = probe()
	if c := a.Report.Credential; !c.Sent || !c.Refused || string(a.Report.Response.Body) != proto.Hidden ||
		a.Poll.Attempts != 2 {
		t.Errorf("refused by the API: %+v, %+v, %s", a.Poll, c, a.Report.Response.Body)
	}
	before := api.calls.Load()
	x.refuse.Store(&proto.Error{Code: "no_policy", Message: "no policy admits the service token"})
	a = probe()
	if c := a.Report.Credential; c.Sent || !c.Refused || !strings.Contains(c.Detail, "no policy admits") ||
		a.Report.Connection != nil || a.Report.Response != nil || api.calls.Load() != before {
		t.Errorf("refused by the exchange: %+v, %+v", a.Poll, a.Report)
	}
}

// A probe with a report sends and understands exactly the same as a poll.
func TestAProbeIsAPoll(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	devices := w.enrol(0, 3)
	type seen struct {
		Method, Path string
		Header       http.Header
		Body         string
	}
	requests := make(chan seen, 10)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- seen{r.Method, r.URL.String(), r.Header, string(body)}
		entries(`{"score":80,"s2s_id":"a"}`, `{"score":"x"}`)(rw, r,
			[]proto.ID{devices[0].ID, devices[1].ID})
	}))
	t.Cleanup(server.Close)
	w.start(quick())
	i := w.integrate(server.URL + "/a?b=c")
	in := w.polled(i)
	a := w.ask(&proto.Probe{Integration: i.ID, APIURL: i.APIURL, ClientID: i.ClientID, SealedSecret: i.SealedSecret,
		Page: &proto.Page{Devices: devices}, Report: true})
	if diff := cmp.Diff(<-requests, <-requests); diff != "" {
		t.Errorf("the probe sent something else (-poll +probe):\n%s", diff)
	}
	if diff := cmp.Diff(in.Observations, a.Report.Result.Observations); diff != "" {
		t.Errorf("the probe understood something else (-poll +probe):\n%s", diff)
	}
	if age := time.Since(in.Poll.TickAt.Time()); age < 0 || age > time.Hour {
		t.Errorf("the poll's tick was stored at %v", in.Poll.TickAt)
	}
	in.Poll.Took, in.Poll.TickAt, a.Poll.Took = 0, 0, 0
	if diff := cmp.Diff(in.Poll, a.Poll); diff != "" {
		t.Errorf("poll (-poll +probe):\n%s", diff)
	}
}
