package v4_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

// openGate allows every request.
type openGate struct{}

func (openGate) Authenticate(r *http.Request) (*v4.Call, error) { return &v4.Call{Request: r}, nil }

func (openGate) Authorize(*v4.Call) error { return nil }

// respond returns the response of an edge with one handler, and what the edge logs.
func respond(t *testing.T, handle func(context.Context, *v4.Call) (v4.Response, error)) (r apitest.Response,
	log string) {
	t.Helper()
	var out bytes.Buffer
	edge := &v4.Edge{Gate: openGate{}, Log: slog.New(slog.NewTextHandler(&out, nil)), MaxBody: 1024,
		Observe: func(string, string, int, time.Duration) {}}
	h := edge.Handler([]v4.Route{{Method: "GET", Path: "/client/v4/x", Handle: handle}}, nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/client/v4/x", nil))
	r = apitest.Response{Status: w.Code, Header: w.Header(), Body: w.Body.Bytes()}
	if err := json.Unmarshal(r.Body, &r); err != nil || len(r.Errors) != 1 {
		t.Fatalf("%d %s: %v", r.Status, r.Body, err)
	}
	return r, out.String()
}

// TestPanics checks that a panic is logged with the id of the request, and that the response does not show it.
func TestPanics(t *testing.T) {
	for name, handle := range map[string]func(context.Context, *v4.Call) (v4.Response, error){
		"a panic": func(context.Context, *v4.Call) (v4.Response, error) { panic("the inside") },
		"a result that has no encoding": func(context.Context, *v4.Call) (v4.Response,
			error) {
			return v4.OK(func() {}), nil
		},
	} {
		r, log := respond(t, handle)
		if r.Status != 500 || r.Errors[0].Code != v4.CodeInternal || strings.Contains(string(r.Body), "inside") ||
			r.Header.Get("X-Should-Retry") != "false" {
			t.Errorf("%s: %d %s %v", name, r.Status, r.Body, r.Header)
		}
		if !strings.Contains(log, r.Header.Get("X-Request-Id")) {
			t.Errorf("%s: the log does not name the request: %s", name, log)
		}
		if name == "a panic" && !strings.Contains(log, "the inside") {
			t.Errorf("the log does not show the panic: %s", log)
		}
	}
}

// TestConflictsAreNotRetried checks the response to a write that lost a race.
func TestConflictsAreNotRetried(t *testing.T) {
	r, _ := respond(t, func(context.Context, *v4.Call) (v4.Response, error) {
		return v4.OK(nil), fmt.Errorf("store: %w", bus.ErrConflict)
	})
	if r.Status != 409 || r.Errors[0].Code != v4.CodeConflict || r.Header.Get("X-Should-Retry") != "false" {
		t.Errorf("%d %s %v", r.Status, r.Body, r.Header)
	}
}

// unavailable is the error of a store that cannot be reached.
type unavailable struct{ unwritten bool }

func (unavailable) Error() string       { return "the inside" }
func (unavailable) Unavailable() string { return "try again" }
func (u unavailable) Unwritten() bool   { return u.unwritten }

// TestUnwrittenRequestsMayBeRepeated checks that a client is told to repeat a request only if it has written nothing.
func TestUnwrittenRequestsMayBeRepeated(t *testing.T) {
	for unwritten, want := range map[bool]string{true: "true", false: ""} {
		r, _ := respond(t, func(context.Context, *v4.Call) (v4.Response, error) {
			return v4.OK(nil), fmt.Errorf("store: %w", unavailable{unwritten})
		})
		if r.Status != 503 || r.Errors[0].Message != "try again" || r.Header.Get("X-Should-Retry") != want ||
			r.Header.Get("Retry-After") == "" {
			t.Errorf("unwritten %v: %d %s %v", unwritten, r.Status, r.Body, r.Header)
		}
	}
}
