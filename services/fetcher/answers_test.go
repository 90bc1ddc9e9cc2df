package fetcher

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"plumbline.dev/bus/bustest/machine"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// reply is an API's answer made of a status and a body, the same each time.
func reply(status int, body string) func(http.ResponseWriter, *http.Request, []proto.ID) {
	return func(w http.ResponseWriter, _ *http.Request, _ []proto.ID) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// entries is an answer in which the devices have these values, in order; an empty one is left out.
func entries(values ...string) func(http.ResponseWriter, *http.Request, []proto.ID) {
	return func(w http.ResponseWriter, _ *http.Request, devices []proto.ID) {
		var members []string
		for i, v := range values {
			if v != "" {
				members = append(members, fmt.Sprintf(`"%s":%s`, devices[i], v))
			}
		}
		_, _ = io.WriteString(w, `{"result":{`+strings.Join(members, ",")+`}}`)
	}
}

func scored(v string) string { return `{"s2s_id":"x","score":` + v + `}` }

// Invalid results for some devices affect these devices only.
func TestAnswersAboutDevices(t *testing.T) {
	w := newFixture(t)
	devices := w.enrol(0, 3)
	w.start(quick())
	const none, missing, invalid = proto.ReasonNone, proto.ReasonMissing, proto.ReasonInvalidScore
	good := scored("7")
	for _, c := range []struct {
		name    string
		serve   func(http.ResponseWriter, *http.Request, []proto.ID)
		first   proto.Observation
		unknown int
	}{
		{"all well", entries(good, good, good), proto.Observation{Score: 7, S2SID: "x"}, 0},
		{"a device missing", entries("", good, good), proto.Observation{Score: -1, Problem: missing}, 0},
		{"an unknown device", func(w http.ResponseWriter, r *http.Request, d []proto.ID) {
			entries(good, good, good, good)(w, r, append(d, proto.NewID()))
		}, proto.Observation{Score: 7, S2SID: "x"}, 1},
		{"-1", entries(scored("-1"), good, good), proto.Observation{Score: -1, Problem: invalid, S2SID: "x"}, 0},
		{"101", entries(scored("101"), good, good), proto.Observation{Score: -1, Problem: invalid, S2SID: "x"}, 0},
		{"50.5", entries(scored("50.5"), good, good), proto.Observation{Score: -1, Problem: invalid, S2SID: "x"}, 0},
		{"50.0", entries(scored("50.0"), good, good), proto.Observation{Score: 50, S2SID: "x"}, 0},
		{"a string", entries(scored(`"50"`), good, good), proto.Observation{Score: -1, Problem: invalid, S2SID: "x"}, 0},
		{"null", entries(scored("null"), good, good), proto.Observation{Score: -1, Problem: invalid, S2SID: "x"}, 0},
		{"an entry that is null", entries("null", good, good), proto.Observation{Score: -1, Problem: invalid}, 0},
		{"a duplicate key", entries(`{"score":1,"score":2}`, good, good), proto.Observation{Score: -1, Problem: invalid}, 0},
		{"a device twice", func(w http.ResponseWriter, r *http.Request, d []proto.ID) {
			entries(good, good, good, good)(w, r, append(d, d[0]))
		}, proto.Observation{Score: -1, Problem: invalid}, 0},
		{"ids in upper case", func(w http.ResponseWriter, _ *http.Request, d []proto.ID) {
			fmt.Fprintf(w, `{"result":{"%s":%s,"%s":%s,"%s":%s}}`, strings.ToUpper(d[0].String()), good, d[1], good, d[2], good)
		}, proto.Observation{Score: 7, S2SID: "x"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			api := newAPI(t, c.serve)
			i := w.integrate(api.URL)
			in := w.polled(i)
			c.first.Device = devices[0].ID
			want := []proto.Observation{c.first, {Device: devices[1].ID, Score: 7, S2SID: "x"},
				{Device: devices[2].ID, Score: 7, S2SID: "x"}}
			if diff := cmp.Diff(want, in.Observations); diff != "" {
				t.Errorf("observations (-want +got):\n%s", diff)
			}
			if p := in.Poll; p.Error != none || p.Status != 200 || p.Attempts != 1 || p.Unknown != c.unknown || p.Detail != "" {
				t.Errorf("poll %+v", p)
			}
			if in.PageRevision == 0 || in.ConfigRevision == 0 {
				t.Errorf("revisions %d and %d", in.PageRevision, in.ConfigRevision)
			}
			w.idle(i)
		})
	}
}

// rawServer reads a request and then passes its connection to a function.
func rawServer(t testing.TB, serve func(net.Conn)) string {
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
				if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
					serve(c)
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// A fault of the whole response is reported as the error of the poll, in a sentence without any part of the response.
func TestAnswersThatAreOfNoUse(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.enrol(0, 3)
	cfg := quick()
	// permanent failures all run, in parallel
	cfg.CallTimeout, cfg.AttemptTimeout = 2500*time.Millisecond, 1500*time.Millisecond
	cfg.MaxAnswer = 100_000
	cfg.Egress.DenyAddrs = []string{"127.0.0.1:9"}
	w.start(cfg)
	const api, auth, timeout, bad = proto.ReasonAPIError, proto.ReasonAuthFailed, proto.ReasonTimeout,
		proto.ReasonBadResponse
	redirected := newAPI(t, nil)
	chunk := strings.Repeat(" ", 1000)
	cases := []struct {
		name   string
		url    string // where it is not an API that serves
		serve  func(http.ResponseWriter, *http.Request, []proto.ID)
		want   proto.Reason
		status int
		once   bool // no second attempt
		says   string
	}{
		{name: "result absent", serve: reply(200, `{"SECRET":{}}`), want: bad, status: 200, once: true, says: `no "result"`},
		{name: "result an array", serve: reply(200, `{"result":["SECRET"]}`), want: bad, status: 200, once: true, says: "not an object"},
		{name: "duplicate result", serve: reply(200, `{"result":{},"result":{}}`), want: bad, status: 200, once: true, says: "twice"},
		{name: "not JSON", serve: reply(200, `SECRET`), want: bad, status: 200, once: true, says: "not JSON"},
		{name: "HTML", serve: reply(200, `<!DOCTYPE html><p>SECRET`), want: bad, status: 200, once: true, says: "text/html"},
		{name: "empty", serve: reply(200, ``), want: bad, status: 200, once: true, says: "empty"},
		{name: "half an answer", serve: reply(200, `{"result":{"SECRET`), want: bad, status: 200, once: true, says: "ends"},
		{name: "two answers", serve: reply(200, `{"result":{}}{"SECRET":1}`), want: bad, status: 200, once: true, says: "follows"},
		{name: "a long s2s_id", serve: entries(`{"score":1,"s2s_id":"` + strings.Repeat("SECRET", 60) + `"}`), want: bad, status: 200, once: true, says: "s2s_id"},
		{name: "204", serve: func(w http.ResponseWriter, _ *http.Request, _ []proto.ID) { w.WriteHeader(204) }, want: bad, status: 204, once: true, says: "204"},
		{name: "201", serve: reply(201, `{"result":{}}`), want: bad, status: 201, once: true, says: "201"},
		{name: "400", serve: reply(400, "SECRET"), want: api, status: 400, once: true, says: "400 Bad Request"},
		{name: "404", serve: reply(404, "SECRET"), want: api, status: 404, once: true, says: "404"},
		{name: "405", serve: reply(405, "SECRET"), want: api, status: 405, once: true, says: "405"},
		{name: "401", serve: reply(401, "SECRET"), want: auth, status: 401, once: true, says: "401"},
		{name: "403", serve: reply(403, "SECRET"), want: auth, status: 403, once: true, says: "403"},
		{name: "a redirect", serve: func(w http.ResponseWriter, r *http.Request, _ []proto.ID) {
			http.Redirect(w, r, redirected.URL+"/SECRET", http.StatusFound)
		}, want: auth, status: 302, once: true, says: "redirect"},
		{name: "500", serve: reply(500, "SECRET"), want: api, status: 500, says: "500"},
		{name: "429", serve: reply(429, "SECRET"), want: api, status: 429, says: "429"},
		{name: "429 for longer than a poll may take", serve: func(w http.ResponseWriter, _ *http.Request, _ []proto.ID) {
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(429)
		}, want: api, status: 429, once: true, says: "2m0s"},
		{name: "no answer", serve: func(_ http.ResponseWriter, r *http.Request, _ []proto.ID) { <-r.Context().Done() }, want: timeout, says: "in time"},
		{name: "an answer that never ends", serve: func(w http.ResponseWriter, r *http.Request, _ []proto.ID) {
			_, _ = io.WriteString(w, `{"result":`)
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, " ")
				w.(http.Flusher).Flush()
				<-time.After(5 * time.Millisecond)
			}
		}, want: timeout, status: 200, says: "in time"},
		{name: "an answer without end that is fast", serve: func(w http.ResponseWriter, r *http.Request, _ []proto.ID) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, chunk); err != nil {
					return
				}
			}
		}, want: bad, status: 200, once: true, says: "100000 bytes"},
		{name: "closed before the headers", url: rawServer(t, func(net.Conn) {}), want: api, says: "closed the connection"},
		{name: "closed midway", url: rawServer(t, func(c net.Conn) {
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"result\":{\"SECRET\":")
		}), want: api, status: 200, says: "closed the connection"},
		{name: "not HTTP", url: rawServer(t, func(c net.Conn) { fmt.Fprint(c, "SECRET SECRET\r\n\r\n") }), want: api, says: "not HTTP"},
		{name: "nobody listens", url: closedPort(t), want: api, says: "refused the connection"},
		{name: "our own port", url: "http://127.0.0.1:9/", want: api, once: true, says: "Plumbline itself"},
		{name: "a link-local address", url: "http://169.254.169.254/latest", want: api, once: true, says: "link-local"},
		{name: "plain http to a public address", url: "http://203.0.113.1/", want: api, once: true, says: "https"},
		{name: "no URL", url: "ftp://SECRET/", want: api, once: true, says: "https://"},
	}
	t.Run("polls", func(t *testing.T) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				server := newAPI(t, c.serve)
				url := c.url
				if url == "" {
					url = server.URL + "/score?key=SECRET"
				}
				i := w.integrate(url)
				in := w.polled(i)
				p := in.Poll
				if p.Error != c.want || p.Status != c.status || len(in.Observations) != 0 || !strings.Contains(p.Detail, c.says) {
					t.Errorf("%+v, want %v, %d and a sentence with %q", p, c.want, c.status, c.says)
				}
				if strings.Contains(p.Detail, "SECRET") || strings.Contains(p.Detail, "cfast_") {
					t.Errorf("the sentence tells too much: %s", p.Detail)
				}
				if c.once && p.Attempts > 1 || !c.once && p.Attempts < 2 {
					t.Errorf("%d attempts", p.Attempts)
				}
				// The deadline of the poll may cut off the last of several attempts before it arrives.
				calls := int(server.calls.Load())
				if c.url == "" && calls != p.Attempts && (c.once || calls != p.Attempts-1) {
					t.Errorf("%d attempts by the entry, %d calls", p.Attempts, calls)
				}
				if p.Took > 2*cfg.CallTimeout {
					t.Errorf("it took %v", p.Took)
				}
				w.idle(i)
			})
		}
	})
	if n := redirected.calls.Load(); n != 0 {
		t.Errorf("a redirect was followed %d times", n)
	}
	if n := w.messages(topology.PostureDead, ">"); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

func closedPort(t testing.TB) string {
	addr, err := machine.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return "http://" + addr
}

// An answer of 1 GiB is read up to the limit, whether it says how long it is or not.
func TestAHugeAnswerIsNotRead(t *testing.T) {
	w := newFixture(t)
	w.enrol(0, 3)
	cfg := quick()
	cfg.AttemptTimeout, cfg.CallTimeout = 20*time.Second, 20*time.Second
	w.start(cfg)
	const gib = 1 << 30
	for _, announced := range []bool{true, false} {
		var sent atomic.Int64
		piece := make([]byte, 64<<10)
		for i := range piece {
			piece[i] = ' '
		}
		api := newAPI(t, func(w http.ResponseWriter, _ *http.Request, _ []proto.ID) {
			if announced {
				w.Header().Set("Content-Length", fmt.Sprint(gib))
			}
			for sent.Load() < gib {
				n, err := w.Write(piece)
				sent.Add(int64(n))
				if err != nil {
					return
				}
			}
		})
		i := w.integrate(api.URL)
		in := w.polled(i)
		if in.Poll.Error != proto.ReasonBadResponse || in.Poll.Attempts != 1 ||
			!strings.Contains(in.Poll.Detail, "8388608 bytes") {
			t.Errorf("%+v", in.Poll)
		}
		w.idle(i)
		api.Close()
		// The data beyond the limit is in the buffers of two sockets.
		if n := sent.Load(); n > 8<<20+16<<20 {
			t.Errorf("%d MiB were taken from the API, announced: %t", n>>20, announced)
		}
	}
}

func TestAttemptsAgain(t *testing.T) {
	w := newFixture(t)
	w.enrol(0, 2)
	w.start(quick())
	for _, c := range []struct {
		name string
		fail func(http.ResponseWriter)
	}{
		{"500, then well", func(w http.ResponseWriter) { w.WriteHeader(500) }},
		{"503 with a date, then well", func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat))
			w.WriteHeader(503)
		}},
		{"a closed connection, then well", func(w http.ResponseWriter) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				c.Close()
			}
		}},
		{"a connection closed midway, then well", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"result":{`)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var n atomic.Int32
			api := newAPI(t, func(w http.ResponseWriter, _ *http.Request, devices []proto.ID) {
				if n.Add(1) < 3 {
					c.fail(w)
					return
				}
				answer(w, devices)
			})
			i := w.integrate(api.URL)
			in := w.polled(i)
			if p := in.Poll; p.Error != proto.ReasonNone || p.Status != 200 || p.Attempts != 3 || len(in.Observations) != 2 ||
				p.Detail != "" {
				t.Errorf("%+v", in)
			}
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.enrol(0, 1)
	w.start(quick())
	var calls [2]time.Time
	var n atomic.Int32
	api := newAPI(t, func(w http.ResponseWriter, _ *http.Request, devices []proto.ID) {
		k := n.Add(1)
		calls[k-1] = time.Now()
		if k == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(429)
			return
		}
		answer(w, devices)
	})
	i := w.integrate(api.URL)
	in := w.polled(i)
	if in.Poll.Error != proto.ReasonNone || in.Poll.Attempts != 2 {
		t.Errorf("%+v", in.Poll)
	}
	if waited := calls[1].Sub(calls[0]); waited < time.Second {
		t.Errorf("the API was asked again after %v", waited)
	}
	if in.Poll.Took < time.Second {
		t.Errorf("it took %v", in.Poll.Took)
	}
}

// After an API requested a pause longer than a poll may take, no page is sent to it for the next ticks, and each poll
// reports the reason. A new URL or new credentials end the pause.
func TestRetryAfterHoldsTheNextPolls(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	w.enrol(0, 1)
	w.enrol(1, 1)
	w.start(quick())
	var calls atomic.Int32
	api := newAPI(t, func(w http.ResponseWriter, r *http.Request, devices []proto.ID) {
		if calls.Add(1); r.URL.Path == "/new" || r.Header.Get("Cf-Access-Client-Secret") == "new" {
			answer(w, devices)
			return
		}
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(429)
	})
	i := w.integrate(api.URL, func(i *proto.Integration) { i.Concurrency = 1 })
	asked := 0
	for n := range 3 {
		tick := w.tick(i)
		for page := range topology.PageNumber(2) {
			in := w.input(i, page, tick)
			if in.Poll.Error != proto.ReasonAPIError || in.Poll.Status != 429 ||
				!strings.Contains(in.Poll.Detail, "asked to be left alone") {
				t.Errorf("tick %d: %+v", n, in.Poll)
			}
			asked += in.Poll.Attempts
		}
	}
	if n := calls.Load(); n != 1 || asked != 1 {
		t.Errorf("%d calls, %d attempts, want 1", n, asked)
	}
	for name, change := range map[string]func(){
		"another URL":        func() { i.APIURL = api.URL + "/new" },
		"another secret":     func() { i.APIURL, i.SealedSecret = api.URL, w.seal(i.ID, "new") },
		"another service id": func() { i.APIURL, i.ClientID = api.URL+"/new", "another" },
	} {
		change()
		w.save(i)
		if in := w.polled(i); in.Poll.Error != proto.ReasonNone {
			t.Errorf("%s: %+v", name, in.Poll)
		}
	}
}

// A page without devices needs no call and gets its input all the same.
func TestAnEmptyPageIsNotAsked(t *testing.T) {
	w := newFixture(t)
	w.enrol(0, 1)
	revision := w.put(0, nil)
	w.start(quick())
	api := newAPI(t, nil)
	i := w.integrate(api.URL)
	in := w.polled(i)
	if in.Poll.Error != proto.ReasonNone || in.Poll.Attempts != 0 || in.PageRevision != revision ||
		len(in.Observations) != 0 || api.calls.Load() != 0 {
		t.Errorf("%+v, %d calls", in, api.calls.Load())
	}
}
