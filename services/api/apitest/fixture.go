package apitest

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/internal/clock"
)

// Bootstrap is the API token of a fixture's requests. It has all permissions.
const Bootstrap = "plumb_0123456789abcdefghijABCDEFGHIJ0123456789abcdef"

// Fixture is an api on a bus of its own. Requests may be made concurrently.
type Fixture struct {
	T        testing.TB
	Bus      *bustest.Bus
	Conn     *bus.Conn // as operator
	Account  proto.Account
	Clock    *clock.Fake // begins at 2026-03-01T12:00:00Z; of the api, not of the bus
	Identity age.Identity
	Config   api.Config
	API      *api.Service // the first replica
	Log      *Log         // of all replicas
	Handler  http.Handler // of the replica that answers the next request
	Fetcher  *Fetcher
	Metrics  *prometheus.Registry // of the newest replica
	Link     *bus.Conn            // of the newest replica to the bus
	Stop     func()               // stops the newest replica and waits for its end
}

// Start starts a bus and an api, with options applied to its configuration. Both stop at the end of the test. The
// audit log is empty.
func Start(t testing.TB, options ...func(*api.Config)) *Fixture {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	f := &Fixture{
		T: t, Bus: bustest.Start(t), Account: proto.NewAccount(), Identity: identity, Log: &Log{},
		Clock: clock.NewFake(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
	}
	f.Config = api.Config{
		Addr: "127.0.0.1:0", Account: f.Account, BootstrapToken: Bootstrap, MaxBody: 64 << 10,
		SealTo: []age.Recipient{identity.Recipient()}, SealGateway: []age.Recipient{identity.Recipient()},
		SealDispatcher: []age.Recipient{identity.Recipient()},
		TeamDomain:     "https://team.example.com",
	}
	for _, o := range options {
		o(&f.Config)
	}
	f.Fetcher = newFetcher(t, f.Bus)
	f.Conn = f.Bus.Conn(topology.Operator)
	f.API = f.Replica()
	if f.Config.BootstrapToken != "" {
		bustest.Eventually(t, "the bootstrap token is in the audit log", func() bool { return len(f.Events()) == 1 })
		f.PurgeAudit()
	}
	f.Handler = f.API.Handler()
	return f
}

// In returns the fixture for a subtest: failures are reported there.
func (f *Fixture) In(t testing.TB) *Fixture {
	sub := *f
	sub.T = t
	return &sub
}

// At returns the fixture for requests to one replica.
func (f *Fixture) At(replica *api.Service) *Fixture {
	other := *f
	other.Handler = replica.Handler()
	return &other
}

// Metric returns the value of a gauge of the newest replica.
func (f *Fixture) Metric(name string) float64 {
	f.T.Helper()
	families, err := f.Metrics.Gather()
	if err != nil {
		f.T.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	f.T.Fatalf("there is no metric %s", name)
	return 0
}

// Replica starts one more api and waits until it is ready. It stops at the end of the test.
func (f *Fixture) Replica() *api.Service {
	f.T.Helper()
	f.Link, f.Metrics = f.Bus.Conn(topology.API), prometheus.NewRegistry()
	s, err := api.New(f.Config, api.Deps{Bus: f.Link, Log: f.Log.logger(f.T), Metrics: f.Metrics, Clock: f.Clock})
	if err != nil {
		f.T.Fatal(err)
	}
	f.Stop = f.run("the api", s.Run)
	bustest.Eventually(f.T, "the api is ready", func() bool { return s.Ready(f.T.Context()) == nil })
	return s
}

// run runs a service until the end of the test or until stop is called, which waits for its end.
func (f *Fixture) run(name string, run func(context.Context) error) (stop func()) {
	t := f.T
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%s ended with %v", name, err)
		}
	})
	t.Cleanup(stop)
	return stop
}
