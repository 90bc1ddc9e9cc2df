package gateway

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// lasting is an origin with endless responses.
func lasting(rw http.ResponseWriter, r *http.Request) {
	flush := func() { _ = http.NewResponseController(rw).Flush() }
	switch r.URL.Path {
	case "/socket":
		c, err := websocket.Accept(rw, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		_, _, _ = c.Read(r.Context())
	case "/events":
		rw.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(rw, "data: x\n\n")
		flush()
		<-r.Context().Done()
	case "/download": // to a client reading nothing
		rw.Header().Set("Content-Length", "1000000000000")
		block := make([]byte, 1<<20)
		for {
			if _, err := rw.Write(block); err != nil {
				return
			}
		}
	case "/poll":
		<-r.Context().Done()
	case "/upload":
		_, _ = io.Copy(io.Discard, r.Body)
	}
}

// TestWhatIsOpenEndsWithItsAdmission: whatever is under way when its service token is turned off, the client
// notices, the origin is let go, and ACCESS_LOG says why, once.
func TestWhatIsOpenEndsWithItsAdmission(t *testing.T) {
	w := newFixture(t, Config{})
	gone, come := make(chan string, 16), make(chan string, 16)
	w.origin.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		defer func() { gone <- r.URL.Path }()
		come <- r.URL.Path
		lasting(rw, r)
	})
	app := w.app("app.example.com", w.origin.URL, nil, w.robots())
	credentials := strings.Join(w.credentials(), "\r\n") + "\r\n"
	begin := func(request string) (net.Conn, *bufio.Reader) {
		c, err := net.Dial("tcp", w.gateway.AccessAddr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		return c, bufio.NewReader(c)
	}
	get := func(path string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: app.example.com\r\nAccept: application/json\r\n" + credentials + "\r\n"
	}
	socket, _, err := websocket.Dial(t.Context(), "ws://"+w.gateway.AccessAddr()+"/socket",
		&websocket.DialOptions{Host: "app.example.com",
			HTTPHeader: http.Header{"Cf-Access-Client-Id": {w.token.ClientID}, "Cf-Access-Client-Secret": {w.secret}}})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.CloseNow()
	_, events := begin(get("/events"))
	stream, err := http.ReadResponse(events, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	lines := bufio.NewReader(stream.Body)
	if line, err := lines.ReadString('\n'); err != nil || line != "data: x\n" {
		t.Fatalf("%q, %v", line, err)
	}
	_, _ = begin(get("/download"))
	_, poll := begin(get("/poll"))
	_, upload := begin("PUT /upload HTTP/1.1\r\nHost: app.example.com\r\nContent-Length: 100\r\n" + credentials + "\r\nx")

	for range 5 {
		select {
		case <-come:
		case <-time.After(20 * time.Second):
			t.Fatal("an origin waits for its request")
		}
	}
	w.token.Disabled = true
	w.saveToken()
	for range 5 {
		select {
		case <-gone:
		case <-time.After(20 * time.Second):
			t.Fatal("an origin still waits")
		}
	}
	if _, _, err := socket.Read(t.Context()); err == nil {
		t.Error("the WebSocket goes on")
	}
	if _, err := io.ReadAll(lines); err == nil {
		t.Error("the stream ended as if it were whole")
	}
	for name, r := range map[string]*bufio.Reader{"a poll": poll, "an upload": upload} {
		a, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		body, _ := io.ReadAll(a.Body)
		a.Body.Close()
		if a.StatusCode != http.StatusUnauthorized || !strings.Contains(string(body), "token_disabled") {
			t.Errorf("%s: %d %s", name, a.StatusCode, body)
		}
	}
	ended := map[string]int{}
	bustest.Eventually(t, "each of the five is recorded", func() bool {
		clear(ended)
		n := 0
		for _, a := range w.recorded(app) {
			if a.Reason == "token_disabled" && !a.Allowed && a.TokenID == w.token.ID {
				ended[a.Ray] += max(a.Count, 1)
				n += max(a.Count, 1)
			}
		}
		return n >= 5
	})
	n := 0
	for _, count := range ended {
		n += count
	}
	if n != 5 {
		t.Errorf("%d records of five requests: %v", n, ended)
	}
}

// TestStreamsOfOneConnectionEndAlone: over HTTP/2 a stream ends, and not the others of its connection.
func TestStreamsOfOneConnectionEndAlone(t *testing.T) {
	w := newFixture(t, Config{})
	w.origin.Config.Handler = http.HandlerFunc(lasting)
	w.app("app.example.com", w.origin.URL, nil, w.robots())
	w.app("open.example.com", w.origin.URL, nil, w.policy(proto.DecisionBypass, "everyone", struct{}{}))
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	dials := 0
	tr := &http.Transport{Protocols: &protocols,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials++
			return new(net.Dialer).DialContext(ctx, network, addr)
		}}
	defer tr.CloseIdleConnections()
	begin := func(host, path string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+w.gateway.AccessAddr()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		if host == "app.example.com" {
			r.Header.Set("Cf-Access-Client-Id", w.token.ClientID)
			r.Header.Set("Cf-Access-Client-Secret", w.secret)
		}
		a, err := tr.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Body.Close() })
		return a
	}
	events, download, open := begin("app.example.com", "/events"), begin("app.example.com", "/download"),
		begin("open.example.com", "/events")
	first := make([]byte, len("data: x\n\n"))
	if _, err := io.ReadFull(open.Body, first); err != nil {
		t.Fatal(err)
	}
	w.token.Disabled = true
	w.saveToken()
	for name, a := range map[string]*http.Response{"a stream": events, "a download that nobody reads": download} {
		if name != "a stream" {
			// Its stream is reset while the window is full: later reads return an error too.
			bustest.Eventually(t, "the download was decided about", func() bool { return w.decided("token_disabled") >= 2 })
		}
		if _, err := io.Copy(io.Discard, a.Body); err == nil {
			t.Errorf("%s ended as if it were whole", name)
		}
	}
	if again := begin("open.example.com", "/events"); again.StatusCode != http.StatusOK || dials != 1 {
		t.Errorf("status %d, %d connections", again.StatusCode, dials)
	}
	gone := make(chan error, 1)
	go func() { _, err := open.Body.Read(first); gone <- err }()
	select {
	case err := <-gone:
		t.Errorf("the other stream ended: %v", err)
	default:
	}
	open.Body.Close()
	<-gone
}

// decided is how many decisions had a reason.
func (w *fixture) decided(reason string) int {
	w.Helper()
	all, err := w.metrics.Gather()
	if err != nil {
		w.Fatal(err)
	}
	for _, family := range all {
		if family.GetName() != "plumbline_gateway_decisions_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			if m.GetLabel()[0].GetValue() == reason {
				return int(m.GetCounter().GetValue())
			}
		}
	}
	return 0
}

// TestWhatIsAdmittedStaysOpen: admitted connections stay open, and repeated decisions are logged once.
func TestWhatIsAdmittedStaysOpen(t *testing.T) {
	w := newFixture(t, Config{})
	w.origin.Config.Handler = http.HandlerFunc(lasting)
	app := w.app("app.example.com", w.origin.URL, nil, w.robots())
	other := w.app("other.example.com", w.origin.URL, nil, w.robots())
	dial := func(host string) *websocket.Conn {
		c, _, err := websocket.Dial(t.Context(), "ws://"+w.gateway.AccessAddr()+"/socket", &websocket.DialOptions{Host: host,
			HTTPHeader: http.Header{"Cf-Access-Client-Id": {w.token.ClientID}, "Cf-Access-Client-Secret": {w.secret}}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.CloseNow() })
		return c
	}
	stays, ends := dial("app.example.com"), dial("other.example.com")
	closed := make(chan error, 1)
	go func() {
		_, _, err := stays.Read(t.Context())
		closed <- err
	}()
	// The other one ends by the gateway's next step, or in the same second.
	other.Policies = nil
	w.records.Configure(topology.KindApplication, other.ID, other)
	if _, _, err := ends.Read(t.Context()); err == nil {
		t.Error("the WebSocket of an application without policies goes on")
	}
	select {
	case err := <-closed:
		t.Errorf("the other one ended: %v", err)
	default:
	}
	_ = stays.CloseNow()
	if err := <-closed; err == nil || errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
	bustest.Eventually(t, "the request is recorded", func() bool { return len(w.recorded(app)) > 0 })
	if all := w.recorded(app); len(all) != 1 || max(all[0].Count, 1) != 1 || !all[0].Allowed {
		t.Errorf("%+v", all)
	}
}

// recorded are the messages of ACCESS_LOG about an application.
func (w *fixture) recorded(app *proto.Application) []proto.Authentication {
	w.Helper()
	s, err := w.bus.Conn(topology.Operator).JetStream().Stream(w.Context(), topology.AccessLogs)
	if err != nil {
		w.Fatal(err)
	}
	info, err := s.Info(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	var all []proto.Authentication
	for n := info.State.FirstSeq; n <= info.State.LastSeq && n > 0; n++ {
		m, err := s.GetMsg(w.Context(), n)
		if err != nil || m.Subject != topology.AccessLog(w.account, app.ID) {
			continue
		}
		var one proto.Authentication
		if err := proto.Unmarshal(m.Data, &one); err != nil {
			w.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}
