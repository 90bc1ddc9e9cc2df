package gateway

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/test/internal/stack"
)

// Config holds the settings of a measurement.
type Config struct {
	Connections int           // of the load, with one request at a time each
	Rounds      int           // each measures every side once
	During      time.Duration // duration of each measurement
	Body        int           // bytes of the origin's response
	Caddy       string        // path of a Caddy binary to measure too; "" means none
	Progress    func(format string, args ...any)
}

// host is the host name of the application. It is not in DNS; requests name it in the Host header.
const host = "bench.example.com"

// target is the path and query of every request.
const target = "/items/42?detail=full"

// contestant is a measured side.
type contestant struct {
	side    Side
	addr    string
	parties []*stack.Process // processes to sum the processor time of; its own comes first
	more    map[string]*Side // the columns after the first, by name

	// secure is the address of the side's TLS listener. If it is empty, only the first column is measured.
	secure        string
	secureParties []*stack.Process
}

// in returns the side's address for a column, and the processes to sum the processor time of.
func (c *contestant) in(col column) (addr string, parties []*stack.Process) {
	if col.secure {
		return c.secure, c.secureParties
	}
	return c.addr, c.parties
}

var dialer = &net.Dialer{Timeout: 5 * time.Second}

// Measure starts all processes, measures, and stops them.
func Measure(ctx context.Context, c Config) (_ *Report, err error) {
	dir, err := os.MkdirTemp("", "plumbline-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	w := &workbench{Config: c, dir: dir}
	defer w.close()
	if err := w.start(ctx); err != nil {
		return nil, err
	}
	for n := -1; n < c.Rounds; n++ { // the first round is not counted; it fills connections, caches and heaps
		if err := w.round(ctx, n); err != nil {
			return nil, err
		}
	}
	if err := w.refusing(ctx); err != nil {
		return nil, err
	}
	return w.report()
}

// workbench holds the running processes.
type workbench struct {
	Config
	dir         string
	installed   *stack.Separate
	token       stack.ServiceToken
	origin      string
	contestants []*contestant
	processes   []*stack.Process
	cert, key   string // PEM files of the TLS listeners
	roots       *x509.CertPool
}

func (w *workbench) close() {
	for _, p := range w.processes {
		p.Kill()
	}
	if w.installed != nil {
		w.installed.Close()
	}
}

func (w *workbench) start(ctx context.Context) error {
	w.Progress("building and starting a NATS server, the services, an origin and a bare proxy")
	origin, addr, err := launch(ctx, "origin", strconv.Itoa(w.Body))
	if origin != nil {
		w.processes = append(w.processes, origin)
	}
	if err != nil {
		return fmt.Errorf("origin: %w", err)
	}
	w.origin = addr
	bare, addr, err := launch(ctx, "proxy", w.origin)
	if bare != nil {
		w.processes = append(w.processes, bare)
	}
	if err != nil {
		return fmt.Errorf("bare proxy: %w", err)
	}
	w.contestants = append(w.contestants, &contestant{side: Side{Name: "httputil.ReverseProxy"}, addr: addr,
		parties: []*stack.Process{bare}})
	// Caddy runs on this machine too.
	asking := map[topology.Role][]string{topology.Gateway: {"PLUMB_FORWARD_AUTH_FROM=127.0.0.0/8"}}
	if w.installed, err = stack.LaunchSeparate(ctx, w.dir, 1, asking); err != nil {
		return err
	}
	gateway := w.installed.Part("gateway").Process()
	w.contestants = append(w.contestants, &contestant{side: Side{Name: "gateway"}, addr: w.installed.Access,
		parties: []*stack.Process{gateway}})
	if err := w.startSecure(ctx); err != nil {
		return err
	}
	if err := w.guard(ctx); err != nil {
		return err
	}
	if w.Caddy == "" {
		return nil
	}
	return w.startCaddy(ctx, gateway)
}

// guard creates the application and waits until the gateway serves it.
func (w *workbench) guard(ctx context.Context) error {
	control, err := w.installed.Control()
	if err != nil {
		return err
	}
	if w.token, err = control.CreateToken(ctx, "bench"); err != nil {
		return err
	}
	if _, err = control.CreateGuarded(ctx, stack.Guarded{Name: "bench", Domain: host, Origin: "http://" + w.origin,
		Policies: []any{stack.Policy("service", "non_identity", []any{stack.TokenRule(w.token.ID)})}}); err != nil {
		return err
	}
	err = stack.AskUntil(10*time.Second, func() error {
		for _, col := range []column{columns[0], columns[len(columns)-1]} {
			addr, _ := w.contestants[1].in(col)
			if _, err := w.load(col, w.token.ClientSecret).run(ctx, addr, time.Millisecond); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("the gateway does not admit the service token: %w\n%s", err,
			w.installed.Part("gateway").Process().Log())
	}
	return w.refusing(ctx)
}

// refusing verifies that the gateway denies a request with a wrong secret.
func (w *workbench) refusing(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.installed.Access+"/", nil)
	if err != nil {
		return err
	}
	req.Host = host
	req.Header.Set("CF-Access-Client-Id", w.token.ClientID)
	req.Header.Set("CF-Access-Client-Secret", strings.Repeat("0", len(w.token.ClientSecret)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusForbidden {
		return fmt.Errorf("a wrong secret is answered with %s", resp.Status)
	}
	return nil
}

// round measures every side once, in a different order each time. Round -1 is not counted.
func (w *workbench) round(ctx context.Context, n int) error {
	for k, col := range columns {
		load := w.load(col, w.token.ClientSecret)
		for i := range w.contestants {
			c := w.contestants[(i+max(n, 0))%len(w.contestants)]
			if k > 0 && c.secure == "" {
				continue
			}
			s, cpu, err := w.measure(ctx, c, load)
			if err != nil {
				return fmt.Errorf("%s, %s: %w%s", c.side.Name, col.name, err, w.ended())
			}
			if n >= 0 {
				c.sideOf(k).add(s, cpu)
				w.Progress("round %d: %-10s  %-22s %7.0f requests/s", n+1, col.name, c.side.Name, s.perSecond())
			}
		}
	}
	return nil
}

// sideOf returns the result of a side in a column.
func (c *contestant) sideOf(k int) *Side {
	if k == 0 {
		return &c.side
	}
	name := columns[k].name
	if c.more == nil {
		c.more = map[string]*Side{}
	}
	if c.more[name] == nil {
		c.more[name] = &Side{Name: c.side.Name}
	}
	return c.more[name]
}

// measure measures one side with one load. cpu is in microseconds.
func (w *workbench) measure(ctx context.Context, c *contestant, l *load) (s sample, cpu float64, err error) {
	addr, parties := c.in(l.column)
	before, err := w.before(ctx, parties)
	if err != nil {
		return s, 0, err
	}
	if s, err = l.run(ctx, addr, w.During); err != nil {
		return s, 0, err
	}
	cpu, err = w.after(ctx, c.side.Name == "gateway", parties, before, s)
	return s, cpu, err
}

// ended describes processes no longer running, the usual reason for a failed measurement.
func (w *workbench) ended() string {
	all := slices.Clone(w.processes)
	if w.installed != nil {
		for _, p := range w.installed.Parts {
			all = append(all, p.Process())
		}
	}
	// an exit is noticed with a delay
	noticed, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	text := ""
	for _, p := range all {
		select {
		case <-p.Exited():
			text += fmt.Sprintf("; %s ended with code %d:\n%s", p.Name(), p.ExitCode(), p.Log())
		case <-noticed.Done():
		}
	}
	return text
}

type measured struct {
	cpu  time.Duration
	seen arrivals
}

func (w *workbench) before(ctx context.Context, parties []*stack.Process) (m measured, err error) {
	if m.cpu, err = cpuOf(parties); err != nil {
		return m, err
	}
	m.seen, err = readArrivals(ctx, w.origin)
	return m, err
}

// after returns the processor time in µs, and checks the requests received by the origin.
func (w *workbench) after(
	ctx context.Context, guarded bool, parties []*stack.Process, before measured, s sample,
) (float64, error) {
	now, err := w.before(ctx, parties)
	if err != nil {
		return 0, err
	}
	arrived, admitted := int(now.seen.Arrived-before.seen.Arrived), int(now.seen.Admitted-before.seen.Admitted)
	leaked := now.seen.Leaked - before.seen.Leaked
	switch {
	case arrived != s.requests+s.before:
		return 0, fmt.Errorf("%d requests were answered, %d arrived at the origin", s.requests+s.before, arrived)
	case guarded && (admitted != arrived || leaked != 0):
		return 0, fmt.Errorf("of %d requests, %d arrived with an application token, %d with a credential",
			arrived, admitted, leaked)
	}
	return float64((now.cpu - before.cpu).Microseconds()), nil
}

func cpuOf(parties []*stack.Process) (sum time.Duration, err error) {
	for _, p := range parties {
		one, err1 := p.CPU()
		sum, err = sum+one, errors.Join(err, err1)
	}
	return sum, err
}

func (w *workbench) report() (*Report, error) {
	r := &Report{Connections: w.Connections, Rounds: w.Rounds, Seconds: w.During.Seconds(), Body: w.Body}
	for _, c := range w.contestants {
		rss, err := c.parties[0].PeakRSS()
		if err != nil {
			return nil, err
		}
		c.side.PeakRSSMB = math.Round(float64(rss) / 1e6)
		c.side.finish(&w.contestants[0].side)
		r.Sides = append(r.Sides, c.side)
	}
	r.GatewayRatio = r.Sides[1].Ratio
	for k, col := range columns {
		bare, gateway := w.contestants[0].sideOf(k), w.contestants[1].sideOf(k)
		if k > 0 {
			bare.finish(bare)
			gateway.finish(w.contestants[0].sideOf(k))
		}
		r.Columns = append(r.Columns, Column{Name: col.name, Bare: *bare, Gateway: *gateway, Ratio: gateway.Ratio})
	}
	return r, nil
}
