package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/internal/policy"
)

func TestLateOrigins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watch{limit: 10 * time.Second}
		running, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = w.Run(running) }()
		uploading, _ := w.begin(t.Context(), nil, Request{})
		first, a := w.begin(t.Context(), nil, Request{})
		second, b := w.begin(t.Context(), nil, Request{})
		a.sent(httptrace.WroteRequestInfo{})
		time.Sleep(6 * time.Second)
		b.sent(httptrace.WroteRequestInfo{})
		time.Sleep(6 * time.Second)
		synctest.Wait()
		var network net.Error
		if !errors.As(context.Cause(first), &network) || !network.Timeout() || second.Err() != nil || uploading.Err() != nil {
			t.Errorf("after 12 s: %v, %v, %v", context.Cause(first), second.Err(), uploading.Err())
		}
		b.answered()
		time.Sleep(time.Minute)
		synctest.Wait()
		if second.Err() != nil {
			t.Error("a request was given up that has its answer")
		}
	})
}

// TestPassagesAreKeptInOrder: for any order of events, the list holds exactly the requests in progress, oldest first.
func TestPassagesAreKeptInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &watch{limit: time.Hour}
		var want []*transfer
		for range rapid.IntRange(1, 40).Draw(t, "events") {
			if len(want) == 0 || rapid.Bool().Draw(t, "new") {
				_, r := w.begin(context.Background(), nil, Request{})
				want = append(want, r)
				continue
			}
			i := rapid.IntRange(0, len(want)-1).Draw(t, "which")
			want[i].end()
			want = append(want[:i:i], want[i+1:]...)
		}
		at := w.first
		for i, r := range want {
			if at != r || (i > 0 && r.before != want[i-1]) {
				t.Fatalf("place %d holds another", i)
			}
			at = at.after
		}
		if at != nil || len(want) > 0 && w.last != want[len(want)-1] || len(want) == 0 && w.last != nil {
			t.Fatal("the end of the list is another")
		}
	})
}

// A connection cut off during a response is not reused.
func TestACutConnectionIsNotUsedAgain(t *testing.T) {
	for _, begun := range []bool{false, true} {
		refusal := &gate.Answer{Response: &gate.Response{Status: http.StatusUnauthorized}}
		w := &watch{limit: time.Minute, still: func(context.Context, *gate.Request, *gate.Answer) *gate.Answer {
			return refusal
		}}
		ctx, r := w.begin(t.Context(), httptest.NewRecorder(), Request{Request: &gate.Request{}})
		if begun {
			r.answered()
		}
		w.sweep(t.Context(), time.Now())
		if ctx.Err() != nil {
			t.Error("a request that has just begun was asked about")
		}
		w.sweep(t.Context(), time.Now().Add(lasting))
		if ctx.Err() == nil || r.refused.Load() != refusal {
			t.Error("the request goes on")
		}
		func() {
			defer func() {
				if got := recover(); (got != nil) != begun {
					t.Errorf("begun %t: the handler ends with %v", begun, got)
				}
			}()
			r.end()
		}()
	}
}

func TestAnOriginThatDoesNotAnswer(t *testing.T) {
	silent, done := make(chan struct{}), make(chan struct{})
	origin := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-silent }))
	defer origin.Close()
	defer close(silent)
	p, err := New(Config{HeaderTimeout: time.Millisecond}, slog.New(slog.DiscardHandler), func(policy.Reason) {})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	go func() { defer close(done); _ = p.Run(ctx) }()
	for _, upgrade := range []string{"", "websocket"} {
		r := httptest.NewRequest(http.MethodGet, "http://app.example.com/", nil)
		r.Header.Set("Accept", "application/json")
		if upgrade != "" {
			r.Header.Set("Upgrade", upgrade)
			r.Header.Set("Connection", "upgrade")
		}
		u := *r.URL
		answer := &gate.Answer{App: gate.Application{Value: &proto.Application{OriginURL: origin.URL}}, Ray: "ray",
			Host: "app.example.com"}
		w := httptest.NewRecorder()
		p.Serve(w, r, Request{Request: &gate.Request{Method: r.Method, URL: &u, Header: r.Header}, Answer: answer})
		if w.Code != http.StatusGatewayTimeout || !strings.Contains(w.Body.String(), "origin_timeout") {
			t.Errorf("upgrade %q: %d %s", upgrade, w.Code, w.Body)
		}
	}
	stop()
	<-done
}
