package gateway

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline.dev/proto"
)

// raw starts an origin with the given bytes as its response to any request.
func raw(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					_, _ = io.WriteString(c, answer)
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// TestWhatOriginsAnswer: it reaches the client as it was meant, and what concerns one connection only does not.
func TestWhatOriginsAnswer(t *testing.T) {
	w := newFixture(t, Config{})
	open := w.policy(proto.DecisionBypass, "everyone", struct{}{})
	for _, c := range []struct{ name, answer, want string }{
		{"plain", "HTTP/1.1 201 Created\r\nContent-Length: 2\r\nX-A: 1\r\nX-A: 2\r\nSet-Cookie: a=b\r\nConnection: " +
			"x-hop\r\nX-Hop: y\r\nKeep-Alive: z\r\n\r\nhi",
			"201 X-A=1,2 Set-Cookie=a=b body=hi"},
		{"no body", "HTTP/1.1 204 No Content\r\n\r\n", "204 body="},
		{"not modified", "HTTP/1.1 304 Not Modified\r\nEtag: x\r\nConnection: close\r\n\r\n", "304 body="},
		{"until the end", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", "200 body=hello"},
		{"chunked, with trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n2\r\nhi\r\n0\r\nX-T: 7\r\n\r\n", "200 body=hi X-T=7"},
		{"a trailer that was not announced", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-T: 7\r\n\r\n", "200 body=hi X-T=7"},
		{"cut short", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhi", "200 error"},
		{"cut short in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhi", "200 error"},
		{"a protocol that nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "502"},
		{"nothing", "", "502"},
		{"not HTTP", "hello\r\n\r\n", "502"},
		{"a status that is none", "HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n", "502"},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi", "502"},
	} {
		host := strings.ReplaceAll(strings.ReplaceAll(c.name, " ", "-"), ",", "") + ".example.com"
		w.app(host, raw(t, c.answer), nil, open)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+w.gateway.AccessAddr()+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		a, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			if c.want != "error" {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		body, err := io.ReadAll(a.Body)
		a.Body.Close()
		got := a.Status[:3]
		for _, name := range []string{"X-A", "Set-Cookie", "X-Hop", "Keep-Alive"} {
			if v := a.Header.Values(name); len(v) > 0 {
				got += " " + name + "=" + strings.Join(v, ",")
			}
		}
		switch {
		case err != nil:
			got += " error"
		case a.StatusCode < 500:
			got += " body=" + string(body)
		}
		if v := a.Trailer.Get("X-T"); v != "" {
			got += " X-T=" + v
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestInterimAnswers: early hints are forwarded, and a client waiting for 100 Continue receives it.
func TestInterimAnswers(t *testing.T) {
	w := newFixture(t, Config{})
	w.app("app.example.com",
		raw(t, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), nil,
		w.policy(proto.DecisionBypass, "everyone", struct{}{}))
	conn, err := net.Dial("tcp", w.gateway.AccessAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: app.example.com\r\n\r\n")
	in := bufio.NewReader(conn)
	for _, want := range []int{103, 200} {
		r, err := http.ReadResponse(in, nil)
		if err != nil || r.StatusCode != want || (want == 103) != (r.Header.Get("Link") == "</x>") {
			t.Fatalf("%+v, %v; want %d", r, err, want)
		}
	}
}

// TestTrailersOfClients: trailers arrive after the decision, so they are not trusted. Clients that give up while an
// origin sends interim responses affect no other client.
func TestInterimAnswersAfterTheClientHasGone(t *testing.T) {
	w := newFixture(t, Config{})
	w.app("early.example.com", raw(t, strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n", 20_000)), nil,
		w.policy(proto.DecisionBypass, "everyone", struct{}{}))
	for i := range 100 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%10)*time.Millisecond)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.gateway.AccessAddr()+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "early.example.com"
		if a, err := http.DefaultTransport.RoundTrip(r); err == nil {
			a.Body.Close()
		}
		cancel()
	}
}

func TestTrailersOfClients(t *testing.T) {
	w := newFixture(t, Config{})
	seen := make(chan http.Header, 1)
	w.origin.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		seen <- r.Trailer
	})
	w.app("app.example.com", w.origin.URL, nil, w.policy(proto.DecisionBypass, "everyone", struct{}{}))
	w.send("POST / HTTP/1.1\r\nHost: app.example.com\r\nTransfer-Encoding: chunked\r\nTrailer: " +
		"Cf-Access-Jwt-Assertion\r\n\r\n2\r\nhi\r\n0\r\nCf-Access-Jwt-Assertion: forged\r\n\r\n")
	if got := <-seen; len(got) > 0 {
		t.Errorf("the origin got %v behind the body", got)
	}
}
