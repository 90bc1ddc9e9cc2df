// Package e2e_test drives Plumbline as its users do: by its commands, its control plane and the bus, with
// binaries built from this repository.
package e2e_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/proto"
	"plumbline.dev/test/internal/ledger"
	"plumbline.dev/test/internal/stack"
	"plumbline.dev/test/scorer"
)

// soon bounds the time of immediate effects.
const soon = 15 * time.Second

// fixture is plumb up, a fleet and a scoring API for its polls.
type fixture struct {
	*testing.T
	plumb       *stack.Plumb
	control     *stack.Control
	api         *scorer.API
	integration proto.ID
	check       proto.ID // passes from threshold on
	follower    *bus.Conn
	operator    *bus.Conn
	audit       *ledger.Audit
	patience    time.Duration // how long a poll may take
}

const threshold = 60

func newFixture(t *testing.T, devices int, interval string, args ...string) *fixture {
	w := &fixture{T: t, plumb: stack.Up(t, args...), api: new(scorer.API), patience: soon}
	var err error
	if w.control, err = w.plumb.Control(); err != nil {
		t.Fatal(err)
	}
	w.connect()
	if err := w.control.BreakersOff(t.Context()); err != nil { // each poll changes many scores
		t.Fatal(err)
	}
	done, err := w.control.Import(t.Context(), stack.Fleet(devices))
	if err != nil || done.Enrolled != devices {
		t.Fatalf("enrolling %d devices: %+v, %v", devices, done, err)
	}
	w.integration = protect(t, w.control, w.api, w.plumb, interval, 0)
	w.check = w.newCheck(stack.Check{Name: "healthy", Integration: w.integration, Operator: ">=", Score: threshold})
	w.audit = &ledger.Audit{Account: w.control.Account, Integration: w.integration}
	return w
}

// issuer is the issuer of application tokens.
type issuer interface {
	Certs() string
	Issuer() string
}

// protect makes a service token, an application over the API and an integration that polls it, with so many
// calls at once; 0: the default.
func protect(t *testing.T, control *stack.Control, api *scorer.API, team issuer, interval string,
	concurrency int) proto.ID {
	t.Helper()
	url := api.Listen(t)
	token, err := control.CreateToken(t.Context(), "posture")
	if err != nil {
		t.Fatal(err)
	}
	app, err := control.CreateApplication(t.Context(), "scores", url[len("http://"):len(url)-len("/score")], token.ID)
	if err != nil {
		t.Fatal(err)
	}
	api.ClientID = token.ClientID
	api.Tokens = &scorer.Tokens{Certs: team.Certs(), Issuer: team.Issuer(), AUD: app.AUD}
	id, err := control.CreateIntegration(t.Context(), stack.Integration{
		Name: "scores", URL: url, Interval: interval, ClientID: token.ClientID, ClientSecret: token.ClientSecret,
		Concurrency: concurrency,
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (w *fixture) connect() {
	w.Helper()
	log := slog.New(slog.DiscardHandler)
	var err error
	if w.follower, err = w.plumb.Follower(w.Context(), log); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(w.follower.Close)
	if w.operator, err = w.plumb.Operator(w.Context(), log); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(w.operator.Close)
}

func (w *fixture) newCheck(k stack.Check) proto.ID {
	w.Helper()
	id, err := w.control.CreateCheck(w.Context(), k)
	if err != nil {
		w.Fatal(err)
	}
	return id
}

func (w *fixture) do(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// settle waits until each page has its entry of the newest tick.
func (w *fixture) settle() {
	w.Helper()
	var tick ledger.Tick
	stack.Until(w, w.patience, "a tick", func() (err error) {
		tick, err = ledger.NewestTick(w.Context(), w.operator, w.control.Account, w.integration)
		return err
	})
	ctx, cancel := context.WithTimeout(w.Context(), w.patience*stack.Slowness())
	defer cancel()
	w.do(w.audit.Settle(ctx, w.operator, w.follower, tick.Seq))
}

// poll asks for a poll and waits for its entries.
func (w *fixture) poll() {
	w.Helper()
	before, err := ledger.NewestTick(w.Context(), w.operator, w.control.Account, w.integration)
	w.do(err)
	w.do(w.control.PollNow(w.Context(), w.integration))
	w.audit.Manual++
	stack.Until(w, w.patience, "the tick that was asked for", func() error {
		tick, err := ledger.NewestTick(w.Context(), w.operator, w.control.Account, w.integration)
		if err == nil && tick.Seq <= before.Seq {
			err = fmt.Errorf("the newest tick is %d", tick.Seq)
		}
		return err
	})
	w.settle()
}

// result is the newest entry's word on a device, and the entry; the check is the i-th of its checks.
func (w *fixture) result(device proto.ID) (*proto.Entry, *proto.Result) {
	w.Helper()
	w.do(w.audit.CatchUp(w.Context(), w.follower))
	for ref, p := range w.audit.Pages() {
		if ref.Integration != w.integration {
			continue
		}
		for i := range p.Entry.Results {
			if p.Entry.Results[i].Device == device {
				return p.Entry, &p.Entry.Results[i]
			}
		}
	}
	w.Fatalf("no entry names device %s", device)
	return nil, nil
}

// verdict returns the outcome of a check for a device in the newest entry.
func (w *fixture) verdict(device, check proto.ID) proto.Verdict {
	w.Helper()
	entry, result := w.result(device)
	for i, c := range entry.Checks {
		if c.ID == check {
			return result.Verdicts[i]
		}
	}
	w.Fatalf("the newest entry of device %s has no check %s", device, check)
	return proto.Verdict{}
}

// status is how an integration stands, by the control plane.
type status struct {
	ID      proto.ID `json:"id"`
	Paused  bool     `json:"paused"`
	Overdue bool     `json:"overdue"`
	Poll    *struct {
		Tick      uint64 `json:"tick"`
		Pages     int    `json:"pages"`
		DonePages int    `json:"done_pages"`
		Devices   int    `json:"devices"`
		Pass      int    `json:"pass"`
		Fail      int    `json:"fail"`
		Unknown   int    `json:"unknown"`
		Error     string `json:"error"`
	} `json:"poll"`
}

func statusOf(ctx context.Context, control *stack.Control, integration proto.ID) (status, error) {
	var all []status
	if err := control.Call(ctx, "GET", "/plumbline/status", nil, &all); err != nil {
		return status{}, err
	}
	for _, s := range all {
		if s.ID == integration {
			return s, nil
		}
	}
	return status{}, fmt.Errorf("the status does not name integration %s: %+v", integration, all)
}

// following collects a follower's events.
type following struct {
	mu      sync.Mutex
	results bus.Results
	states  int
	changes int
	ready   bool
	last    uint64
	again   bool // an event came twice, or out of order
}

func (f *following) handle(_ context.Context, e bus.Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.results.Apply(e)
	switch e.Kind {
	case bus.EventState:
		f.states++
	case bus.EventReady:
		f.ready = true
	case bus.EventChange:
		f.changes++
	}
	if e.Seq != 0 {
		f.again = f.again || e.Seq <= f.last && e.Kind == bus.EventChange
		f.last = e.Seq
	}
	return nil
}

// follow runs a follower until stop is called; stop waits for it.
func follow(t *testing.T, conn *bus.Conn, f bus.Following, into *following) (stop func()) {
	return bustest.Run(t, func(ctx context.Context) error { return conn.Follow(ctx, f, into.handle) })
}

// agree compares a follower's results with the ledger's newest entries.
func (f *following) agree(l *ledger.Ledger) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	want := map[bus.ResultKey]proto.Outcome{}
	for ref, p := range l.Pages() {
		for i := range p.Entry.Results {
			for c, v := range p.Entry.Results[i].Verdicts {
				want[bus.ResultKey{Page: ref, Device: p.Entry.Results[i].Device, Check: p.Entry.Checks[c].ID}] = v.Outcome
			}
		}
	}
	count := 0
	for key, outcome := range f.results.All() {
		count++
		if expected, ok := want[key]; !ok || expected != outcome {
			return fmt.Errorf("%v is %v to the follower, %v in the log (known: %v)", key, outcome, expected, ok)
		}
	}
	if count != len(want) || !f.ready || f.again {
		return fmt.Errorf("the follower knows %d results of %d; ready: %v; told something twice: %v", count, len(want),
			f.ready, f.again)
	}
	return nil
}
