package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

// FuzzHandlers sends anything to any route. The response comes soon, has an envelope unless it is a list of lines or
// events, and never has status 500. New routes are included without being named here.
func FuzzHandlers(fuzz *testing.F) {
	f := apitest.Start(fuzz, api.WithAnswerTimeout(time.Millisecond),
		func(c *api.Config) { c.ProbeTimeout = time.Second })
	f.StartExchange(func(*proto.KeysCommand) *proto.KeysAnswer { return &proto.KeysAnswer{} })
	m := &resources{f: f}
	m.create()
	routes, bodies := v4.WithZones(f.API.Routes()), seedBodies(f)
	for n, r := range routes {
		reads := r.Method == http.MethodGet || r.Method == http.MethodDelete
		for _, query := range []string{"", "page=1&per_page=2&name=a&exact=true&search=a&domain=a&aud=a&type=oidc",
			"page=2&direction=desc&cursor=AAAA&sort_by=name&since=2026-01-01T00:00:00Z&limit=3&history=1"} {
			if reads {
				fuzz.Add(n, "", query, "", []byte(nil))
			}
		}
		for _, body := range bodies {
			if !reads && !strings.HasPrefix(r.Path, v4.ZonePath) {
				fuzz.Add(n, "", "", "application/json", body)
			}
		}
		fuzz.Add(n, "x", "", "", []byte(nil))
		fuzz.Add(n, "../..", "page=0&per_page=-1&cursor=%ff&since=x", "text/csv", []byte("device_id,email\n1,2\n"))
		fuzz.Add(n, proto.NewID().String(), "", "application/x-ndjson", []byte(`{"serial_number":"S"}`))
		fuzz.Add(n, strings.Repeat("long", 50), "per_page=99999999999999999999", "", bytes.Repeat([]byte("["), 70<<10))
	}
	fuzz.Fuzz(func(t *testing.T, route int, other, query, kind string, body []byte) {
		r := routes[uint(route)%uint(len(routes))]
		m.f = f.In(t)
		for name, id := range m.ids {
			body = bytes.ReplaceAll(body, []byte("$"+name), []byte(id))
		}
		ctx, cancel := context.WithTimeout(t.Context(), fuzzWithin)
		defer cancel()
		if r.Stream != nil { // some respond as long as the client listens
			ctx, cancel = context.WithTimeout(ctx, 20*time.Millisecond)
			defer cancel()
		}
		req := httptest.NewRequestWithContext(ctx, r.Method, "/", bytes.NewReader(body))
		req.URL = &url.URL{Path: m.path(r.Path, other), RawQuery: query}
		req.Header.Set("Authorization", "Bearer "+apitest.Bootstrap)
		req.Header.Set("Content-Type", kind)
		w, at := httptest.NewRecorder(), time.Now()
		cut := serveUncut(f.Handler, w, req)
		if took := time.Since(at); took >= fuzzWithin {
			t.Fatalf("%s %q?%q %q: response after %v", r.Method, req.URL.Path, query, body, took)
		}
		if !cut {
			checkResponse(t, f, req, w, body)
		}
		if r.Method == http.MethodDelete && w.Code/100 == 2 || m.made > 1 && w.Code == http.StatusForbidden {
			m.create()
		}
	})
}

// fuzzWithin bounds a request. It is generous, since fuzzing takes all of the machine.
const fuzzWithin = 20 * time.Second

// serveUncut reports whether the response was cut off, as one that fails after its first bytes is.
func serveUncut(h http.Handler, w http.ResponseWriter, r *http.Request) (cut bool) {
	defer func() {
		if p := recover(); p != nil {
			err, ok := p.(error)
			if cut = ok && errors.Is(err, http.ErrAbortHandler); !cut {
				panic(p)
			}
		}
	}()
	h.ServeHTTP(w, r)
	return false
}

func checkResponse(t *testing.T, f *apitest.Fixture, req *http.Request, w *httptest.ResponseRecorder, body []byte) {
	t.Helper()
	if w.Code == 500 {
		t.Fatalf("%s %q?%q %q: %s\n%s", req.Method, req.URL.Path, req.URL.RawQuery, body, w.Body, f.Log)
	}
	apitest.Description(t).CheckResponse(t, req, w.Code, w.Header(), w.Body.Bytes())
	if w.Code == http.StatusOK && w.Header().Get("Content-Type") != "application/json" {
		return
	}
	var envelope struct {
		Success *bool
		Errors  []struct {
			Code    int
			Message string
		}
		Messages []any
	}
	if err := json.Unmarshal(w.Body.Bytes(), &envelope); err != nil || envelope.Success == nil ||
		envelope.Errors == nil || envelope.Messages == nil {
		t.Fatalf("%s %q: %d %q", req.Method, req.URL.Path, w.Code, w.Body)
	}
	if *envelope.Success != (w.Code/100 == 2) || *envelope.Success != (len(envelope.Errors) == 0) {
		t.Fatalf("%s %q %q: %d %s", req.Method, req.URL.Path, body, w.Code, w.Body)
	}
	for _, e := range envelope.Errors {
		if e.Code < 1000 || e.Message == "" {
			t.Fatalf("%s %q: %s", req.Method, req.URL.Path, w.Body)
		}
	}
}
