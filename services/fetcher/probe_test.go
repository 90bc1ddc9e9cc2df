package fetcher

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func (w *fixture) probe(q *proto.Probe) proto.Poll {
	w.t.Helper()
	var answer proto.ProbeAnswer
	bustest.Eventually(w.t, "a fetcher answers the probe", func() bool {
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
		defer cancel()
		return w.api.Request(ctx, topology.Probe(w.account), q, &answer) == nil
	})
	return answer.Poll
}

func TestProbe(t *testing.T) {
	w := newFixture(t)
	cfg := quick()
	cfg.ProbeTimeout, cfg.AttemptTimeout = 4*time.Second, 2*time.Second
	w.start(cfg)
	const none, api, auth, timeout, bad = proto.ReasonNone, proto.ReasonAPIError, proto.ReasonAuthFailed,
		proto.ReasonTimeout, proto.ReasonBadResponse
	for _, c := range []struct {
		name     string
		url      string
		serve    func(http.ResponseWriter, *http.Request, []proto.ID)
		want     proto.Reason
		status   int
		attempts int
		says     string
	}{
		{name: "by the contract", want: none, status: 200, attempts: 1},
		{name: "with a result for somebody else", serve: reply(200, `{"result":{"x":{}}}`), want: none, status: 200, attempts: 1},
		{name: "not allowed", serve: reply(405, "SECRET"), want: api, status: 405, attempts: 1, says: "405"},
		{name: "not admitted", serve: reply(403, "SECRET"), want: auth, status: 403, attempts: 1, says: "403"},
		{name: "a login page", serve: reply(200, "<html>SECRET"), want: bad, status: 200, attempts: 1, says: "not JSON"},
		{name: "no result", serve: reply(200, `{"SECRET":1}`), want: bad, status: 200, attempts: 1, says: "result"},
		{name: "broken", serve: reply(500, "SECRET"), want: api, status: 500, attempts: 2, says: "500"},
		{name: "silent", serve: func(_ http.ResponseWriter, r *http.Request, _ []proto.ID) { <-r.Context().Done() }, want: timeout, attempts: 2, says: "in time"},
		{name: "no URL", url: "gopher://SECRET", want: api, says: "https://"},
		{name: "a metadata address", url: "http://169.254.169.254/", want: api, says: "link-local"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := newAPI(t, func(rw http.ResponseWriter, r *http.Request, devices []proto.ID) {
				if len(devices) != 0 {
					t.Errorf("the probe asks about %d devices", len(devices))
				}
				if r.Header.Get("CF-Access-Client-Secret") != "cfast_new" {
					t.Errorf("the probe does not show the new secret: %v", r.Header)
				}
				if c.serve != nil {
					c.serve(rw, r, devices)
					return
				}
				answer(rw, devices)
			})
			url := c.url
			if url == "" {
				url = server.URL
			}
			id := proto.NewID()
			p := w.probe(&proto.Probe{Integration: id, APIURL: url, ClientID: "c", SealedSecret: w.seal(id, "cfast_new")})
			if p.Error != c.want || p.Status != c.status || p.Attempts != c.attempts || !strings.Contains(p.Detail, c.says) ||
				strings.Contains(p.Detail, "SECRET") {
				t.Errorf("%+v, want %v, %d, %d attempts, %q", p, c.want, c.status, c.attempts, c.says)
			}
		})
	}
}

// A probe of an API behind a new application uses the application's token.
func TestAProbeSeesTheNewestConfiguration(t *testing.T) {
	w := newFixture(t)
	w.start(quick())
	w.exchange()
	api := newAPI(t, func(rw http.ResponseWriter, r *http.Request, devices []proto.ID) {
		if r.Header.Get("Cf-Access-Jwt-Assertion") == "" || r.Header.Get("CF-Access-Client-Secret") != "" {
			t.Errorf("shown %v", r.Header)
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
	q := &proto.Probe{Integration: id, APIURL: api.URL, ClientID: "c", SealedSecret: w.seal(id, "s"),
		ConfigRevision: revision}
	if p := w.probe(q); p.Error != proto.ReasonNone {
		t.Errorf("%+v", p)
	}
	q.ConfigRevision = revision + 100
	if p := w.probe(q); p.Error != proto.ReasonAPIError || !strings.Contains(p.Detail, "newest configuration") {
		t.Errorf("%+v", p)
	}
}
