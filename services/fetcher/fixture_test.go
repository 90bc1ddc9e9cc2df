package fetcher

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/egress"
	"plumbline.dev/services/internal/seal"
)

// fixture is a server with everything a fetcher meets there: the parts are played by the test.
type fixture struct {
	t          testing.TB
	bus        *bustest.Bus
	api        *bus.Conn
	registry   *bus.Conn
	scheduler  *bus.Conn
	operator   *bus.Conn
	account    proto.Account
	identities []age.Identity
	recipients []age.Recipient
	pages      map[topology.PageNumber][]proto.Device
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	b := bustest.Start(t)
	identity, _, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	identities, err := seal.ParseIdentities(identity)
	if err != nil {
		t.Fatal(err)
	}
	recipients, err := seal.RecipientsOf(identities)
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{t: t, bus: b, api: b.Conn(topology.API), registry: b.Conn(topology.Registry),
		scheduler: b.Conn(topology.Scheduler), operator: b.Conn(topology.Operator), account: proto.NewAccount(),
		identities: identities, recipients: recipients, pages: map[topology.PageNumber][]proto.Device{}}
}

// loopback are the networks of the APIs of tests.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// quick is a configuration with short times everywhere except for an API without an answer. Its operator lets responses
// of this machine be shown.
func quick() Config {
	return Config{Egress: egress.Config{Allow: loopback},
		CallTimeout: 20 * time.Second, AttemptTimeout: 10 * time.Second, ProbeTimeout: 20 * time.Second,
		retryWait: 5 * time.Millisecond, catalogWait: time.Second, Sweep: 50 * time.Millisecond,
		Grace: 200 * time.Millisecond}
}

// start runs a fetcher until stop is called, or the test ends.
func (w *fixture) start(cfg Config) (s *Service, stop func()) {
	w.t.Helper()
	s, err := New(cfg, Deps{Bus: w.bus.Conn(topology.Fetcher), Log: bustest.Log(w.t), Metrics: prometheus.NewRegistry(),
		Clock: clock.System, Identities: w.identities})
	if err != nil {
		w.t.Fatal(err)
	}
	return s, bustest.Run(w.t, s.Run)
}

// enrol puts devices into a page.
func (w *fixture) enrol(page topology.PageNumber, n int) []proto.Device {
	w.t.Helper()
	devices := make([]proto.Device, n)
	for i := range devices {
		devices[i] = proto.Device{ID: proto.NewID(), Hostname: fmt.Sprintf("host-%d-%d", page, i),
			Serial: fmt.Sprintf("S%d", i)}
	}
	w.put(page, devices)
	return devices
}

func (w *fixture) put(page topology.PageNumber, devices []proto.Device) (revision uint64) {
	w.t.Helper()
	key := topology.PageKey(w.account, page)
	before, err := w.registry.Get(w.t.Context(), topology.Devices, key, new(proto.Page))
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		w.t.Fatal(err)
	}
	revision, err = w.registry.Put(w.t.Context(), topology.Devices, key, &proto.Page{Devices: devices}, before)
	if err != nil {
		w.t.Fatal(err)
	}
	w.pages[page] = devices
	return revision
}

// integrate stores an integration over a URL; change may alter it.
func (w *fixture) integrate(url string, change ...func(*proto.Integration)) *proto.Integration {
	w.t.Helper()
	i := &proto.Integration{ID: proto.NewID(), Name: "test", Type: proto.TypeCustomS2S, Interval: time.Minute, APIURL: url,
		ClientID: "0123456789abcdef0123456789abcdef.access", Schedule: 1}
	i.SealedSecret = w.seal(i.ID, "cfast_secret")
	for _, f := range change {
		f(i)
	}
	w.save(i)
	return i
}

func (w *fixture) seal(id proto.ID, secret string) []byte {
	w.t.Helper()
	sealed, err := seal.Seal(w.recipients, id.String(), []byte(secret))
	if err != nil {
		w.t.Fatal(err)
	}
	return sealed
}

func (w *fixture) save(i *proto.Integration) (revision uint64) {
	w.t.Helper()
	key := topology.ConfigKey(w.account, topology.KindIntegration, i.ID)
	before, err := w.api.Get(w.t.Context(), topology.Config, key, new(proto.Integration))
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		w.t.Fatal(err)
	}
	revision, err = w.api.Put(w.t.Context(), topology.Config, key, i, before)
	if err != nil {
		w.t.Fatal(err)
	}
	return revision
}

func (w *fixture) remove(i *proto.Integration) {
	w.t.Helper()
	key := topology.ConfigKey(w.account, topology.KindIntegration, i.ID)
	before, err := w.api.Get(w.t.Context(), topology.Config, key, new(proto.Integration))
	if err == nil {
		err = w.api.Delete(w.t.Context(), topology.Config, key, before)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// protect stores an application over a domain; the gateway serves it if it has an origin.
func (w *fixture) protect(domain, origin string) *proto.Application {
	w.t.Helper()
	a := &proto.Application{ID: proto.NewID(), AUD: "aud", Name: "api", Domains: []string{domain}, OriginURL: origin}
	if _, err := w.api.Put(w.t.Context(), topology.Config, topology.ConfigKey(w.account, topology.KindApplication, a.ID),
		a, 0); err != nil {
		w.t.Fatal(err)
	}
	return a
}

// tick publishes a tick and returns its number.
func (w *fixture) tick(i *proto.Integration, change ...func(*proto.Tick)) uint64 {
	w.t.Helper()
	tick := &proto.Tick{Due: proto.At(time.Now()), Interval: i.Interval, Schedule: i.Schedule}
	for _, f := range change {
		f(tick)
	}
	ack, err := w.scheduler.Publish(w.t.Context(), bus.Outgoing{Subject: topology.Tick(w.account, i.ID), Body: tick})
	if err != nil {
		w.t.Fatal(err)
	}
	return ack.Seq
}

// stored is the newest input of a page, if there is one.
func (w *fixture) stored(i *proto.Integration, page topology.PageNumber) (*proto.Input, bool) {
	w.t.Helper()
	s, err := w.operator.JetStream().Stream(w.t.Context(), topology.PostureScores)
	if err != nil {
		w.t.Fatal(err)
	}
	m, err := s.GetLastMsgForSubject(w.t.Context(),
		topology.Scores(topology.PageRef{Account: w.account, Integration: i.ID, Page: page}))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, false
	}
	in := new(proto.Input)
	if err == nil {
		err = proto.Unmarshal(m.Data, in)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return in, true
}

// input waits for a page's input of a tick.
func (w *fixture) input(i *proto.Integration, page topology.PageNumber, tick uint64) *proto.Input {
	w.t.Helper()
	var in *proto.Input
	bustest.Eventually(w.t, fmt.Sprintf("page %d has the input of tick %d", page, tick), func() bool {
		var ok bool
		in, ok = w.stored(i, page)
		return ok && in.Tick >= tick
	})
	if in.Tick != tick || in.Cause != proto.CausePoll {
		w.t.Fatalf("page %d has an input of tick %d and cause %v, want tick %d", page, in.Tick, in.Cause, tick)
	}
	return in
}

// polled polls page 0, and returns its input. The tick comes after the batch of the previous one is gone, which is
// shortly after its input is there: a page with a batch has no part in a tick.
func (w *fixture) polled(i *proto.Integration) *proto.Input {
	w.t.Helper()
	w.idle(i)
	return w.input(i, 0, w.tick(i))
}

// messages returns the number of a stream's messages matching a subject.
func (w *fixture) messages(stream, filter string) (n uint64) {
	w.t.Helper()
	subjects, err := w.operator.Subjects(w.t.Context(), stream, filter)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, count := range subjects {
		n += count
	}
	return n
}

// idle waits until no batch of an integration is left.
func (w *fixture) idle(i *proto.Integration) {
	w.t.Helper()
	bustest.Eventually(w.t, "no batch is left", func() bool {
		return w.messages(topology.PostureBatches, topology.Batches(w.account, i.ID)) == 0
	})
}

// scoringAPI is a scoring API with answers by the contract, unless a test changes them.
type scoringAPI struct {
	*httptest.Server
	t     testing.TB
	calls atomic.Int32
	// exclusive makes two concurrent requests for a page an error. An attempt that timed out may still
	// be under way here when the next one comes.
	exclusive bool
	// serve, if not nil, answers in place of answer.
	serve func(w http.ResponseWriter, r *http.Request, devices []proto.ID)
	mu    sync.Mutex
	under map[proto.ID]int // calls under way, by first device
	most  int              // calls under way at once
	now   int
	asked map[proto.ID]int // calls so far, by first device
}

func newAPI(t testing.TB, serve func(w http.ResponseWriter, r *http.Request, devices []proto.ID)) *scoringAPI {
	a := &scoringAPI{t: t, serve: serve, under: map[proto.ID]int{}, asked: map[proto.ID]int{}, exclusive: serve == nil}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *scoringAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.calls.Add(1)
	var body struct {
		Devices []struct {
			ID proto.ID `json:"device_id"`
		} `json:"devices"`
	}
	data, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(data, &body)
	}
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" ||
		len(body.Devices) > proto.PageSize {
		a.t.Errorf("a request that is not by the contract: %s %v, %d devices, %v", r.Method, r.Header, len(body.Devices), err)
	}
	devices := make([]proto.ID, len(body.Devices))
	for i, d := range body.Devices {
		devices[i] = d.ID
	}
	if len(devices) > 0 {
		a.enter(devices[0], 1)
		defer a.enter(devices[0], -1)
	}
	if a.serve != nil {
		a.serve(w, r, devices)
		return
	}
	answer(w, devices)
}

func (a *scoringAPI) enter(first proto.ID, by int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.under[first] += by
	a.now += by
	if by > 0 {
		a.asked[first]++
		a.most = max(a.most, a.now)
	}
	if a.exclusive && a.under[first] > 1 {
		a.t.Errorf("the page of %s is asked about twice at once", first)
	}
}

func (a *scoringAPI) askedAbout(first proto.ID) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked[first]
}

// scoreOf is the score of the n-th device in answer.
func scoreOf(n int) int { return n % 101 }

func answer(w http.ResponseWriter, devices []proto.ID) {
	w.Header().Set("Content-Type", "application/json")
	b := []byte(`{"result":{`)
	for i, id := range devices {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `"%s":{"s2s_id":"s%d","score":%d}`, id, i, scoreOf(i))
	}
	_, _ = w.Write(append(b, "}}"...))
}
