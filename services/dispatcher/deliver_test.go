package dispatcher

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/dispatcher/retry"
	"plumbline.dev/services/dispatcher/standardwebhook"
	"plumbline.dev/services/internal/destination"
)

func TestDeliversInOrderAndSigned(t *testing.T) {
	t.Parallel()
	f := start(t)
	r := f.receiver()
	f.change() // before the destination is seen
	d := f.destination(r.URL, func(d *proto.Destination) {
		d.Headers = []proto.DestinationHeader{{Name: "Authorization",
			Sealed: f.seal(destination.HeaderLabel(d.ID, "Authorization"), "Bearer HEADERSECRET")}}
	})
	f.dispatcher()
	for range 20 {
		f.change()
	}
	for _, m := range r.wants(21) {
		if err := standardwebhook.Verify(m.headers, m.body, secret, f.clock.Now()); err != nil {
			t.Error(err)
		}
		if m.headers.Get("Authorization") != "Bearer HEADERSECRET" || m.headers.Get("Content-Type") != "application/json" {
			t.Error(m.headers)
		}
	}
	bustest.Eventually(t, "the state is stored", func() bool { return f.state(d).Delivered == 21 })
	if s := f.state(d); s.Waiting != "" || s.LastError != "" || s.LastSuccessAt == 0 || s.Failed != 0 {
		t.Errorf("%+v", s)
	}
}

// A receiver that fails for an hour gets every message, in order, once it works again.
func TestAnHourOfFailures(t *testing.T) {
	t.Parallel()
	f := start(t)
	r := f.receiver()
	r.setAnswer(status(http.StatusInternalServerError))
	d := f.destination(r.URL)
	f.dispatcher()
	for range 5 {
		f.change()
	}
	begin := f.clock.Now()
	f.advance("four attempts", time.Minute, func() bool { return r.tries() >= 4 })
	if past := f.clock.Now().Sub(begin); past < 30*time.Minute {
		t.Errorf("four attempts within %v", past)
	}
	bustest.Eventually(t, "the attempts are stored", func() bool { return f.state(d).Attempts >= 4 })
	s := f.state(d)
	if s.LastStatus != 500 || s.LastError == "" || s.Waiting == "" || s.NextAt <= proto.At(begin) || s.Delivered != 0 {
		t.Errorf("%+v", s)
	}
	r.setAnswer(nil)
	f.advance("the receiver works", time.Minute, func() bool { return len(r.all()) > 0 })
	if all := r.wants(5); len(all) != 5 || all[0].id != s.Waiting {
		t.Errorf("%d messages", len(all))
	}
	bustest.Eventually(t, "nothing waits", func() bool { return f.state(d).Waiting == "" && f.state(d).Delivered == 5 })
}

// A receiver that never accepts a message is tried ten times over three days; then the destination is disabled. Nothing
// is lost: an edit continues with the same message.
func TestAMessageThatFailsForDays(t *testing.T) {
	t.Parallel()
	f := start(t)
	r := f.receiver()
	r.setAnswer(status(http.StatusBadRequest))
	d := f.destination(r.URL)
	f.dispatcher()
	f.change()
	f.change()
	begin := f.clock.Now()
	f.advance("the destination is disabled", time.Hour, func() bool { return f.state(d).Disabled != "" })
	if n, past := r.tries(), f.clock.Now().Sub(begin); n != retry.MaxAttempts || past < 3*24*time.Hour {
		t.Errorf("%d attempts in %v", n, past)
	}
	r.setAnswer(nil)
	d.Name = "SOC again"
	f.put(d)
	r.wants(2)
	bustest.Eventually(t, "it is no longer disabled", func() bool { return f.state(d).Disabled == "" })
}

func TestGoneDisables(t *testing.T) {
	t.Parallel()
	f := start(t)
	r := f.receiver()
	r.setAnswer(status(http.StatusGone))
	d := f.destination(r.URL)
	s, _ := f.dispatcher()
	f.change()
	bustest.Eventually(t, "the destination is disabled", func() bool { return f.state(d).Disabled != "" })
	if n := r.tries(); n != 1 {
		t.Errorf("%d attempts", n)
	}
	bustest.Eventually(t, "the metric counts it", func() bool { return s.disabled() == 1 })
	r.setAnswer(nil)
	f.put(d)
	r.wants(1)
}

// hang reads a request and never answers.
func hang(c net.Conn) { _, _ = http.ReadRequest(bufio.NewReader(c)) }

// respond reads a request and answers with text, without closing the connection.
func respond(text string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(c))
		fmt.Fprint(c, text)
	}
}

// Receivers that misbehave in each way fail, or accept, and a working destination gets every message meanwhile.
func TestDeadDestinationsCostTheOthersNothing(t *testing.T) {
	t.Parallel()
	f := start(t)
	target := f.receiver() // of a redirect
	type dead struct {
		*proto.Destination
		status   int
		accepted bool
	}
	all := map[string]dead{}
	for name, c := range map[string]struct {
		serve    func(net.Conn)
		status   int
		accepted bool
	}{
		"no answer": {serve: hang},
		"no HTTP":   {serve: respond("hello\r\n\r\n")},
		"closed":    {serve: func(c net.Conn) { hang(c); c.Close() }},
		"a redirect": {respond("HTTP/1.1 307 X\r\nLocation: " + target.URL +
			"\r\nContent-Length: 0\r\n\r\n"), 307, false},
		"a short body":                  {respond("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"), 200, true},
		"a body forever":                {respond("HTTP/1.1 200 OK\r\n\r\nnever closed"), 200, true},
		"a failure with a body forever": {respond("HTTP/1.1 503 X\r\nRetry-After: 60\r\n\r\nSECRET"), 503, false},
		"huge headers":                  {serve: respond("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 1<<20) + "\r\n\r\n")},
	} {
		all[name] = dead{f.destination(f.raw(c.serve)), c.status, c.accepted}
	}
	all["a denied address"] = dead{f.destination("http://127.0.0.1:1/"), 0, false}
	working := f.receiver()
	f.destination(working.URL)
	f.dispatcher(func(c *Config) {
		c.timeout = time.Second
		c.Egress.DenyAddrs = []string{"127.0.0.1:1"}
	})
	for range 10 {
		f.change()
	}
	working.wants(10)
	for name, c := range all {
		bustest.Eventually(t, name+" was tried", func() bool {
			s := f.state(c.Destination)
			return c.accepted && s.Delivered > 0 || !c.accepted && s.Attempts > 0
		})
		if s := f.state(c.Destination); s.LastStatus != c.status && !c.accepted || s.Failed > 0 == c.accepted ||
			strings.Contains(s.LastError, "SECRET") {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if n := target.tries(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// A dispatcher that ends without storing its position, as in a crash, is followed by another one. Nothing is lost, and
// what comes twice has the same id.
func TestCrash(t *testing.T) {
	t.Parallel()
	f := start(t)
	r := f.receiver()
	d := f.destination(r.URL)
	short := func(c *Config) { c.lease = 3 * time.Second }
	for round := range 3 {
		s, conn := f.service(short)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		for range 30 {
			f.change()
		}
		bustest.Eventually(t, "some messages are delivered", func() bool { return len(r.all()) > 30*round+10 })
		conn.NATS().Close() // the dispatcher can store nothing any more
		if err := <-ended; err == nil {
			t.Error("it ended without an error")
		}
		cancel()
	}
	f.dispatcher(short)
	f.change()
	r.wants(91)
	bustest.Eventually(t, "it is stored", func() bool {
		s := f.state(d)
		return s.Positions["changes"].Seq > 0 && s.Waiting == ""
	})
}

// Two dispatchers share the destinations, and one that stops gives its own up at once.
func TestTwoDispatchers(t *testing.T) {
	t.Parallel()
	f := start(t)
	r := f.receiver()
	f.destination(r.URL)
	_, stop := f.dispatcher()
	f.dispatcher()
	for n := range 40 {
		f.change()
		if n == 20 {
			stop()
		}
	}
	if all := r.wants(40); len(all) > 60 {
		t.Errorf("%d messages for 40 changes", len(all))
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	f := start(t)
	r := f.receiver()
	d := f.destination(r.URL)
	f.dispatcher()
	f.change()
	r.wants(1)
	d.Paused = true
	f.put(d)
	bustest.Eventually(t, "the destination is given up", func() bool { return f.state(d).Owner.IsZero() })
	f.change()
	other := f.receiver()
	f.destination(other.URL)
	other.wants(2)
	if n := len(r.all()); n != 1 {
		t.Errorf("%d messages while paused", n)
	}
	d.Paused = false
	f.put(d)
	r.wants(2)
}

// A replay sends messages again, from a time on, with the same ids.
func TestReplay(t *testing.T) {
	t.Parallel()
	f := start(t)
	r := f.receiver()
	d := f.destination(r.URL)
	f.dispatcher()
	for range 3 {
		f.change()
	}
	first := r.wants(3)
	d.Replays, d.ReplayFrom = 1, d.CreatedAt
	f.put(d)
	bustest.Eventually(t, "the messages came again", func() bool { return len(r.all()) >= 6 })
	for n, m := range r.all()[3:6] {
		if m.id != first[n].id || m.tick != n+1 {
			t.Errorf("message %d came again as %s, change %d", n, m.id, m.tick)
		}
	}
	bustest.Eventually(t, "the positions are stored", func() bool {
		s := f.state(d)
		return s.Delivered == 6 && s.Replays == 1
	})
	d.Name = "an edit replays nothing"
	f.put(d)
	f.change()
	if all := r.wants(4); len(all) != 7 {
		t.Errorf("%d messages", len(all))
	}
}

// If messages were deleted before a destination was sent them, it is told.
func TestGap(t *testing.T) {
	t.Parallel()
	f := start(t)
	r := f.receiver()
	d := f.destination(r.URL)
	_, stop := f.dispatcher()
	f.change()
	r.wants(1)
	stop()
	for range 3 {
		f.change()
	}
	mirror := topology.Mirror.APIPrefix() + ".STREAM.PURGE." + topology.PostureLog
	bustest.Eventually(t, "the copy is purged", func() bool {
		_, err := f.operator.NATS().Request(mirror, []byte(`{"seq":4}`), 5*time.Second)
		e, err2 := f.bus.Conn(topology.Dispatcher).Extent(t.Context(), topology.PostureLog)
		return err == nil && err2 == nil && e.First == 4
	})
	f.dispatcher()
	bustest.Eventually(t, "the rest is delivered", func() bool { return len(r.all()) == 3 })
	all := r.all()
	if all[1].kind != "posture.results.reset" || all[2].tick != 4 {
		t.Errorf("%s, then change %d", all[1].kind, all[2].tick)
	}
	bustest.Eventually(t, "the position is stored", func() bool { return f.state(d).Positions["changes"].Seq >= 4 })
}

func TestEventsAreSelected(t *testing.T) {
	t.Parallel()
	f := start(t)
	everything, holds := f.receiver(), f.receiver()
	f.destination(everything.URL)
	f.destination(holds.URL, func(d *proto.Destination) { d.Events = []string{"posture.check.held"} })
	f.dispatcher()
	f.change()
	publish := func(subject string, m proto.Message) {
		t.Helper()
		if _, err := f.operator.Publish(t.Context(), bus.Outgoing{Subject: subject, Body: m}); err != nil {
			t.Fatal(err)
		}
	}
	h := &proto.Hold{ID: proto.NewID(), Integration: proto.NewID(), Check: f.check, State: proto.HoldStanding,
		Out: true, Since: 1, UpdatedAt: 1}
	of := topology.HoldRef{Account: f.account, Integration: h.Integration, Check: h.Check}
	publish(topology.Hold(of), h.Notice(f.account))
	token := &proto.TokenNotice{At: 1, Token: proto.NewID(), ClientID: strings.Repeat("a", 32) + ".access", Name: "CI",
		State: proto.TokenExpired}
	publish(topology.TokenNotice(f.account, token.Token), token)
	bustest.Eventually(t, "all events are delivered", func() bool {
		return len(everything.all()) == 3 && len(holds.all()) == 1
	})
	if m := holds.all()[0]; m.kind != "posture.check.held" {
		t.Error(m.kind)
	}
}

func TestTestMessage(t *testing.T) {
	t.Parallel()
	f := start(t)
	r := f.receiver()
	d := f.destination(r.URL, func(d *proto.Destination) { d.Paused = true })
	f.dispatcher()
	api := f.bus.Conn(topology.API)
	ask := func() (result proto.DestinationTestResult) {
		t.Helper()
		bustest.Eventually(t, "a dispatcher answers", func() bool {
			result = proto.DestinationTestResult{}
			err := api.Request(t.Context(), topology.DestinationTest(f.account),
				&proto.DestinationTest{Destination: d.ID, By: "me"}, &result)
			return err == nil && !strings.Contains(result.Error, "newest configuration")
		})
		return result
	}
	if got := ask(); got.Status != 204 || got.Error != "" || len(r.all()) != 1 || r.all()[0].kind != "test.ping" ||
		r.all()[0].id != got.Event {
		t.Errorf("%+v, %+v", got, r.all())
	}
	r.setAnswer(status(http.StatusTeapot))
	if got := ask(); got.Status != 418 || got.Error == "" {
		t.Errorf("%+v", got)
	}
}
