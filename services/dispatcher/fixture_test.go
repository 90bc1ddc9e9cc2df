package dispatcher

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/dispatcher/standardwebhook"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/destination"
	"plumbline.dev/services/internal/seal"
)

// fixture is a bus with a configuration, and dispatchers.
type fixture struct {
	testing.TB
	bus      *bustest.Bus
	operator *bus.Conn
	records  *bustest.Records
	account  proto.Account
	check    proto.ID
	clock    *clock.Fake
	identity *age.X25519Identity
	sent     int // changes
}

func start(t testing.TB) *fixture {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	b := bustest.Start(t)
	f := &fixture{TB: t, bus: b, operator: b.Conn(topology.Operator), account: proto.NewAccount(), check: proto.NewID(),
		clock: clock.NewFake(time.Now()), identity: identity}
	f.records = bustest.NewRecords(t, f.operator, f.account)
	return f
}

// dispatcher runs a dispatcher.
func (f *fixture) dispatcher(edit ...func(*Config)) (s *Service, stop func()) {
	f.Helper()
	s, _ = f.service(edit...)
	return s, bustest.Run(f.TB, s.Run)
}

// service returns a dispatcher with a connection of its own.
func (f *fixture) service(edit ...func(*Config)) (*Service, *bus.Conn) {
	f.Helper()
	cfg := Config{ConsoleURL: "https://console.example"}
	for _, e := range edit {
		e(&cfg)
	}
	conn := f.bus.Conn(topology.Dispatcher)
	s, err := New(cfg, Deps{Bus: conn, Log: bustest.Log(f.TB), Metrics: prometheus.NewRegistry(), Clock: f.clock,
		Identities: []age.Identity{f.identity}})
	if err != nil {
		f.Fatal(err)
	}
	return s, conn
}

// destination stores a destination with a new secret.
func (f *fixture) destination(url string, edit ...func(*proto.Destination)) *proto.Destination {
	f.Helper()
	d := &proto.Destination{ID: proto.NewID(), Name: "SOC", Kind: proto.DestinationWebhook,
		CreatedAt: proto.At(time.Now().Add(-time.Minute))}
	d.SealedURL = f.seal(destination.URLLabel(d.ID), url)
	d.Secrets = []proto.DestinationSecret{{Sealed: f.seal(destination.SecretLabel(d.ID), secret.Reveal())}}
	for _, e := range edit {
		e(d)
	}
	f.put(d)
	return d
}

var secret = standardwebhook.NewSecret()

func (f *fixture) seal(label, text string) []byte {
	f.Helper()
	sealed, err := seal.Seal([]age.Recipient{f.identity.Recipient()}, label, []byte(text))
	if err != nil {
		f.Fatal(err)
	}
	return sealed
}

func (f *fixture) put(d *proto.Destination) {
	f.Helper()
	f.records.Configure(topology.KindDestination, d.ID, d)
}

// change writes a change of one device. Its tick numbers the changes from 1.
func (f *fixture) change() int {
	f.Helper()
	f.sent++
	_, err := f.operator.Publish(f.Context(), bus.Outgoing{
		Subject: topology.Change(f.account, f.check, proto.OutcomeFail, 0),
		Body: &proto.Change{Account: f.account, Check: f.check, Outcome: proto.OutcomeFail, Index: 1,
			Integration: proto.NewID(), Tick: uint64(f.sent), At: proto.At(time.Now()),
			Devices: []proto.ChangedDevice{{Device: proto.NewID(), From: proto.OutcomePass, Reason: proto.ReasonScore}}}})
	if err != nil {
		f.Fatal(err)
	}
	return f.sent
}

// state returns the stored state of a destination; the zero state if there is none.
func (f *fixture) state(d *proto.Destination) (s proto.Delivery) {
	_, _ = f.operator.Get(f.Context(), topology.Deliveries, topology.DeliveryKey(f.account, d.ID), &s)
	return s
}

// advance moves the clock until ok returns true, in steps of d.
func (f *fixture) advance(what string, d time.Duration, ok func() bool) {
	f.Helper()
	bustest.Eventually(f.TB, what, func() bool {
		if ok() {
			return true
		}
		f.clock.Advance(d)
		return false
	})
}

// receiver is a webhook's receiver.
type receiver struct {
	t   testing.TB
	URL string

	mu       sync.Mutex
	answer   http.HandlerFunc // nil: 204
	accepted []message
	attempts int
}

// message is an accepted message.
type message struct {
	id, kind string
	tick     int
	headers  http.Header
	body     []byte
}

func (f *fixture) receiver() *receiver {
	r := &receiver{t: f.TB}
	s := httptest.NewServer(r)
	f.Cleanup(s.Close)
	f.Cleanup(s.CloseClientConnections)
	r.URL = s.URL + "/hook?token=URLSECRET"
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	r.attempts++
	answer := r.answer
	r.mu.Unlock()
	if answer != nil {
		answer(w, q)
		return
	}
	r.accept(q, body)
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) accept(q *http.Request, body []byte) {
	var b struct {
		Type string
		Data struct{ Tick int }
	}
	_ = json.Unmarshal(body, &b)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.accepted = append(r.accepted, message{q.Header.Get("Webhook-Id"), b.Type, b.Data.Tick, q.Header.Clone(), body})
}

func (r *receiver) setAnswer(h http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = h
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func (r *receiver) all() []message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]message(nil), r.accepted...)
}

func (r *receiver) tries() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.attempts
}

// wants waits until the changes from 1 to n were accepted, each for the first time in order, and returns the messages.
// A message may come again, with its id.
func (r *receiver) wants(n int) []message {
	r.t.Helper()
	bustest.Eventually(r.t, fmt.Sprintf("change %d is delivered", n), func() bool {
		all := r.all()
		return len(all) > 0 && all[len(all)-1].tick >= n
	})
	all, next, ids := r.all(), 1, map[int]string{}
	for _, m := range all {
		if m.kind != "posture.outcome.changed" {
			continue
		}
		switch {
		case m.tick == next:
			ids[m.tick] = m.id
			next++
		case m.tick > next:
			r.t.Fatalf("change %d came before change %d", m.tick, next)
		case ids[m.tick] != m.id:
			r.t.Fatalf("change %d came as %s and as %s", m.tick, ids[m.tick], m.id)
		}
	}
	return all
}

// raw serves each connection with a function, after the request was read.
func (f *fixture) raw(serve func(net.Conn)) string {
	f.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return "http://" + l.Addr().String()
}
