// Package crash_test kills plumb up in the middle of polls, as a power cut or the kernel would, and looks at
// what comes back.
package crash_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/proto"
	"plumbline.dev/test/internal/ledger"
	"plumbline.dev/test/internal/stack"
	"plumbline.dev/test/scorer"
)

// A page lost with its process waits for the AckWait of 15 s. There are more pages than the kills within that time can
// delay.
const (
	pages       = 20
	devices     = pages * proto.PageSize
	concurrency = 2
	latency     = 20 * time.Millisecond
)

// kills is how often plumb up is killed; -short does with fewer.
func kills() int {
	if testing.Short() {
		return 3
	}
	return 10
}

// seed determines the moments of the kills; the variable repeats a run.
func seed(t *testing.T) uint64 {
	s := rand.Uint64()
	if text := os.Getenv("CRASH_SEED"); text != "" {
		var err error
		if s, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("CRASH_SEED=%d", s)
	return s
}

// plumb up is killed with kill -9 in the middle of a poll, while devices are enrolled and removed, again and
// again. Each time it comes back, the invariants 1, 2, 4 and 5 of bus/README.md hold at once; 3 asks for time (a
// call whose process died is made again after the AckWait of 15 s), so it is looked at in the end, when it
// speaks of every tick of the run: by invariant 5 an entry of the last tick is one of a newer tick than each.
func TestKilledInTheMiddleOfPolls(t *testing.T) {
	random := rand.New(rand.NewPCG(seed(t), 0))
	plumb := stack.Up(t)
	control, err := plumb.Control()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := control.Import(t.Context(), stack.Fleet(devices)); err != nil {
		t.Fatal(err)
	}
	r := run{T: t, plumb: plumb, control: control, api: new(scorer.API), enrolled: devices, sure: map[int]bool{},
		removed: map[int]bool{}}
	r.configure()
	for n := range kills() {
		r.killInPoll(random)
		r.plumb.Start(t)
		r.plumb.AwaitReady(t)
		r.check(n)
	}
	r.finish(1)
}

type run struct {
	*testing.T
	plumb    *stack.Plumb
	control  *stack.Control
	api      *scorer.API
	audit    *ledger.Audit
	enrolled int          // fleet devices below this one may be enrolled
	sure     map[int]bool // devices after the first one with an answered enrolment
	removed  map[int]bool // with a requested removal; true: it was answered
	kills    int
}

func (r *run) configure() {
	r.Helper()
	url := r.api.Listen(r.T)
	token, err := r.control.CreateToken(r.Context(), "posture")
	if err != nil {
		r.Fatal(err)
	}
	app, err := r.control.CreateApplication(r.Context(), "scores", url[len("http://"):len(url)-len("/score")], token.ID)
	if err != nil {
		r.Fatal(err)
	}
	r.api.Latency(latency)
	r.api.Tokens = &scorer.Tokens{Certs: r.plumb.Certs(), Issuer: r.plumb.Issuer(), AUD: app.AUD}
	integration, err := r.control.CreateIntegration(r.Context(),
		stack.Integration{Name: "scores", URL: url, Interval: "1s",
			ClientID: token.ClientID, ClientSecret: token.ClientSecret, Concurrency: concurrency})
	if err != nil {
		r.Fatal(err)
	}
	for _, score := range []int{30, 60} {
		if _, err := r.control.CreateCheck(r.Context(),
			stack.Check{Name: fmt.Sprint(score), Integration: integration, Operator: ">=", Score: score}); err != nil {
			r.Fatal(err)
		}
	}
	r.audit = &ledger.Audit{Account: r.control.Account, Integration: integration}
}

// killInPoll waits for a call of a poll, and a moment more, and kills.
func (r *run) killInPoll(random *rand.Rand) {
	r.Helper()
	before := len(r.api.Calls())
	calls, moment := 1+random.IntN(concurrency+2), time.Duration(random.Int64N(int64(2*latency)))
	stack.Until(r, 30*time.Second, "calls are made", func() error {
		if n := len(r.api.Calls()) - before; n < calls {
			return fmt.Errorf("%d of %d", n, calls)
		}
		return nil
	})
	edited := r.edit(random)
	<-time.After(moment)
	r.plumb.Process().Kill()
	r.kills++
	edited()
}

// edit enrols some devices and removes one while the process is killed. The returned function waits for the responses,
// if any.
func (r *run) edit(random *rand.Rand) (wait func()) {
	from, count, leaves := r.enrolled, 1+random.IntN(40), random.IntN(devices)
	r.enrolled += count
	if _, again := r.removed[leaves]; again {
		leaves = -1
	} else {
		r.removed[leaves] = false
	}
	// Answers come while the process dies, or not at all: an error says nothing.
	done := make(chan func(), 2)
	go func() {
		_, err := r.control.Import(r.Context(), func(yield func(proto.Device) bool) {
			for n := from; n < from+count && yield(stack.FleetDevice(n)); n++ {
			}
		})
		done <- func() {
			for n := from; err == nil && n < from+count; n++ {
				r.sure[n] = true
			}
		}
	}()
	go func() {
		if leaves < 0 {
			done <- func() {}
			return
		}
		err := r.control.RemoveDevice(r.Context(), stack.FleetDevice(leaves).ID)
		done <- func() { r.removed[leaves] = err == nil }
	}()
	return func() {
		(<-done)()
		(<-done)()
	}
}

// check asserts the invariants right after a kill.
func (r *run) check(n int) {
	r.Helper()
	operator, follower, closeBoth := r.connect()
	defer closeBoth()
	if err := r.audit.Check(r.Context(), operator, follower); err != nil {
		r.Fatalf("after kill %d: %v", n+1, err)
	}
	r.checkEnrolled(operator)
}

func (r *run) connect() (operator, follower *bus.Conn, closeBoth func()) {
	r.Helper()
	log := slog.New(slog.DiscardHandler)
	operator, err := r.plumb.Operator(r.Context(), log)
	if err != nil {
		r.Fatal(err)
	}
	follower, err = r.plumb.Follower(r.Context(), log)
	if err != nil {
		r.Fatal(err)
	}
	return operator, follower, func() { operator.Close(); follower.Close() }
}

// checkEnrolled compares the inventory with the acknowledged changes. Unacknowledged ones may have happened, or may
// still happen.
func (r *run) checkEnrolled(operator *bus.Conn) {
	r.Helper()
	inventory, err := ledger.ReadInventory(r.Context(), operator, r.control.Account)
	if err != nil {
		r.Fatal(err)
	}
	known := map[proto.ID]bool{}
	for n := range r.enrolled {
		id := stack.FleetDevice(n).ID
		known[id] = true
		_, there := inventory.Where[id]
		done, asked := r.removed[n]
		switch {
		case asked && done && there:
			r.Fatalf("device %d is there; its removal was answered", n)
		case (n < devices || r.sure[n]) && !asked && !there:
			r.Fatalf("device %d is not there; its enrolment was answered", n)
		}
	}
	for id := range inventory.Where {
		if !known[id] {
			r.Fatalf("device %s is there; nobody enrolled it", id)
		}
	}
}

// finish waits until all is made up for, some more ticks on, and looks at everything once more.
func (r *run) finish(ticks uint64) {
	r.Helper()
	operator, follower, closeBoth := r.connect()
	defer closeBoth()
	last := r.audit.Tick().Seq
	ctx, cancel := context.WithTimeout(r.Context(), 45*time.Second*stack.Slowness())
	defer cancel()
	if err := r.audit.Settle(ctx, operator, follower, last+ticks); err != nil {
		r.Fatal(err)
	}
	if err := r.audit.Check(r.Context(), operator, follower); err != nil {
		r.Fatal(err)
	}
	// Invariant 2: a page is asked again for a tick only after a lost acknowledgement, at most one for a kill.
	for page, calls := range r.api.CallsByPage() {
		if most := int(r.audit.Tick().Seq) + r.kills; calls > most {
			r.Errorf("page %s was asked about %d times in %d ticks and %d kills", page, calls, r.audit.Tick().Seq, r.kills)
		}
	}
	if dead, err := operator.Subjects(r.Context(), "POSTURE_DEAD", "posture.dead.>"); err != nil || len(dead) > 0 {
		r.Errorf("dead letters: %v, %v", dead, err)
	}
	r.Logf("%d kills, %d ticks, %d calls, %d entries, %d changes", r.kills, r.audit.Tick().Seq, len(r.api.Calls()),
		r.audit.Entries(), r.audit.Changes())
}
