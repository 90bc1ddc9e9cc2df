package fetcher

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/egress"
)

func TestConfigurationThatIsRefused(t *testing.T) {
	w := newFixture(t)
	for name, cfg := range map[string]Config{
		"a negative number":   {MaxInFlight: -1},
		"a negative duration": {CallTimeout: -time.Second},
		"no address":          {Egress: egress.Config{DenyAddrs: []string{"8400"}}},
	} {
		if _, err := New(cfg, Deps{Bus: w.operator, Log: bustest.Log(t), Metrics: prometheus.NewRegistry(),
			Clock: clock.System}); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestReady(t *testing.T) {
	w := newFixture(t)
	s, err := New(quick(), Deps{Bus: w.bus.Conn(topology.Fetcher), Log: bustest.Log(t), Metrics: prometheus.NewRegistry(),
		Clock: clock.System})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(t.Context()); err == nil {
		t.Error("ready before it runs")
	}
	running, _ := w.start(quick())
	bustest.Eventually(t, "it is ready", func() bool { return running.Ready(t.Context()) == nil })
}

func TestItStopsBeforeTheTopologyIsThere(t *testing.T) {
	w := newFixture(t)
	if err := w.operator.JetStream().DeleteStream(t.Context(), topology.PostureTicks); err != nil {
		t.Fatal(err)
	}
	_, stop := w.start(quick())
	stop()
}

// lockedBuffer is a log written by several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// No secret is in a log line, a metric, an input or a dead letter, after any failure.
func TestSecretsStayInside(t *testing.T) {
	w := newFixture(t)
	w.enrol(0, 2)
	var log lockedBuffer
	registry := prometheus.NewRegistry()
	cfg := quick()
	cfg.CallTimeout = 100 * time.Millisecond
	s, err := New(cfg, Deps{Bus: w.bus.Conn(topology.Fetcher),
		Log:     slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Metrics: registry, Clock: clock.System, Identities: w.identities})
	if err != nil {
		t.Fatal(err)
	}
	stop := bustest.Run(t, s.Run)
	w.exchange()
	stored, err := w.operator.NATS().SubscribeSync(">")
	if err != nil {
		t.Fatal(err)
	}
	batches, err := w.bus.Anybody(topology.Queue).SubscribeSync("posture.batch.>")
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range []int{200, 401, 404, 500} {
		api := newAPI(t, reply(status, "the answer's own words"))
		plain := w.integrate(api.URL + "/?key=in-the-url")
		w.input(plain, 0, w.tick(plain))
		w.probe(&proto.Probe{Integration: plain.ID, APIURL: plain.APIURL, ClientID: plain.ClientID,
			SealedSecret: plain.SealedSecret})
		w.protect(host(api.URL), "")
		withToken := w.integrate(api.URL + "/?key=in-the-url")
		w.input(withToken, 0, w.tick(withToken))
	}
	hidden := w.integrate("http://127.0.0.1:1/\x00in-the-url")
	w.input(hidden, 0, w.tick(hidden))
	stop()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	said := log.String() + fmt.Sprint(families)
	for {
		m, err := stored.NextMsg(50 * time.Millisecond)
		if err != nil {
			break
		}
		// The exchange has to be told, and the api tells where to call. Answers that cross accounts are on _R_.
		if m.Subject != topology.ExchangeService && !strings.HasPrefix(m.Subject, "_R_") &&
			!strings.HasPrefix(m.Subject, "$KV") &&
			!strings.HasPrefix(m.Subject, "posture.probe") {
			said += message(m)
		}
	}
	for {
		m, err := batches.NextMsg(50 * time.Millisecond)
		if err != nil {
			break
		}
		said += message(m)
	}
	for _, secret := range []string{"cfast_secret", "token-", "in-the-url", "own words"} {
		if i := strings.Index(said, secret); i >= 0 {
			t.Errorf("%s was said: ...%q", secret, said[max(0, i-200):min(len(said), i+100)])
		}
	}
	if !strings.Contains(said, "a poll failed") || !strings.Contains(said, "posture.scores") ||
		!strings.Contains(said, "posture.batch") || !strings.Contains(said, "auth_failed") {
		t.Error("the test looks at nothing")
	}
}

func message(m *nats.Msg) string {
	return m.Subject + " " + http.Header(m.Header).Get("Nats-Msg-Id") + " " + string(m.Data) + "\n"
}

func TestMetricsAreInOrder(t *testing.T) {
	w := newFixture(t)
	w.enrol(0, 3)
	s, _ := w.start(quick())
	api := newAPI(t, func(rw http.ResponseWriter, r *http.Request, d []proto.ID) {
		entries(scored("1"), scored("-1"), "", scored("1"))(rw, r, append(d, proto.NewID()))
	})
	i := w.integrate(api.URL)
	w.polled(i)
	w.idle(i)
	id := i.ID.String()
	for name, got := range map[string]prometheus.Collector{
		"polls": s.metrics.polls.WithLabelValues(id, "ok"), "batches": s.metrics.batches.WithLabelValues(id),
		"scores": s.metrics.devices.WithLabelValues(id, "score"), "missing": s.metrics.devices.WithLabelValues(id, "missing"),
		"invalid": s.metrics.devices.WithLabelValues(id, "invalid_score"), "unknown": s.metrics.unknown.WithLabelValues(id),
		"requests": s.metrics.requests.WithLabelValues("2xx"), "ticks": s.metrics.ticks.WithLabelValues("planned"),
	} {
		bustest.Eventually(t, name+" is counted", func() bool { return testutil.ToFloat64(got) == 1 })
	}
	for _, c := range []prometheus.Collector{s.metrics.polls, s.metrics.seconds, s.metrics.devices} {
		if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
			t.Errorf("%v, %v", problems, err)
		}
	}
	w.remove(i)
	bustest.Eventually(t, "the series of a removed integration end", func() bool {
		return testutil.CollectAndCount(s.metrics.polls)+testutil.CollectAndCount(s.metrics.seconds)+
			testutil.CollectAndCount(s.metrics.devices) == 0
	})
}
