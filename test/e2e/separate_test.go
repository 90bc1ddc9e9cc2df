package e2e_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/test/internal/ledger"
	"plumbline.dev/test/internal/stack"
	"plumbline.dev/test/scorer"
)

// Each service as its own process, three fetchers among them: every process is killed while a poll is under
// way, one after the other, and comes back; so is the NATS server.
func TestSeparateServicesSurviveKills(t *testing.T) {
	// More pages than the kills can delay: a page lost with its fetcher waits for the AckWait of 15 s.
	const devices, concurrency = 20_000, 3
	s := stack.NewSeparate(t, 3)
	control, err := s.Control()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := control.Import(t.Context(), stack.Fleet(devices)); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	operator, err := s.Connect(t.Context(), topology.Operator, log)
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	follower, err := s.Connect(t.Context(), topology.Follower, log)
	if err != nil {
		t.Fatal(err)
	}
	defer follower.Close()
	api := new(scorer.API)
	api.Latency(30 * time.Millisecond)
	integration := protect(t, control, api, s, "1s", concurrency)
	if _, err := control.CreateCheck(t.Context(),
		stack.Check{Name: "healthy", Integration: integration, Operator: ">=", Score: threshold}); err != nil {
		t.Fatal(err)
	}
	audit := &ledger.Audit{Account: control.Account, Integration: integration}
	settle := func(tick uint64) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second*stack.Slowness())
		defer cancel()
		if err := audit.Settle(ctx, operator, follower, tick); err != nil {
			t.Fatal(err)
		}
	}
	awaitTick := func(after uint64) (tick ledger.Tick) {
		t.Helper()
		stack.Until(t, 30*time.Second, "the next tick", func() (err error) {
			tick, err = ledger.NewestTick(t.Context(), operator, control.Account, integration)
			if err == nil && tick.Seq <= after {
				err = fmt.Errorf("the newest is %d", tick.Seq)
			}
			return err
		})
		return tick
	}
	settle(awaitTick(0).Seq)

	for _, part := range s.Parts {
		calls, begin := len(api.Calls()), time.Now()
		stack.Until(t, 30*time.Second, "calls are under way", func() error {
			if n := len(api.Calls()) - calls; n < 3 {
				return fmt.Errorf("%d calls since %s came back", n, part.Name)
			}
			return nil
		})
		before, err := ledger.NewestTick(t.Context(), operator, control.Account, integration)
		if err != nil {
			t.Fatal(err)
		}
		waited := time.Since(begin)
		part.Process().Kill()
		if err := s.Run(part); err != nil {
			t.Fatal(err)
		}
		if err := s.AwaitReady(); err != nil {
			t.Fatalf("after %s was killed: %v", part.Name, err)
		}
		awaitTick(before.Seq)
		stack.Until(t, 10*time.Second, "the bus answers", func() error { return operator.Ready(t.Context()) })
		if err := audit.Check(t.Context(), operator, follower); err != nil {
			t.Fatalf("after %s was killed: %v", part.Name, err)
		}
		t.Logf("%s was killed after %v, and all was well after %v", part.Name, waited.Round(time.Millisecond),
			(time.Since(begin) - waited).Round(time.Millisecond))
	}
	settle(awaitTick(audit.Tick().Seq).Seq)

	// Without a scheduler nothing is polled, and it shows. Twice the interval is more than a poll takes on a
	// machine that is busy.
	if err := control.Call(t.Context(), http.MethodPatch, "/devices/posture/integration/"+integration.String(),
		map[string]any{"interval": "5s"}, nil); err != nil {
		t.Fatal(err)
	}
	settle(awaitTick(audit.Tick().Seq).Seq)
	scheduler := s.Part("scheduler")
	scheduler.Process().Kill()
	overdue := func(want bool) func() error {
		return func() error {
			now, err := statusOf(t.Context(), control, integration)
			if err == nil && now.Overdue != want {
				err = fmt.Errorf("%+v", now)
			}
			return err
		}
	}
	stack.Until(t, soon, "overdue without a scheduler", overdue(true))
	if err := s.Run(scheduler); err != nil {
		t.Fatal(err)
	}
	stack.Until(t, soon, "not overdue with a scheduler again", overdue(false))
	if err := audit.Check(t.Context(), operator, follower); err != nil {
		t.Error(err)
	}
	if most := api.MostAtOnce(); most > concurrency+len(s.Parts) { // a call goes on a while when its fetcher is gone
		t.Errorf("%d calls were under way at once, %d are allowed", most, concurrency)
	}
	t.Logf("%d entries, %d changes, %d calls, %d at once at most, %d ticks", audit.Entries(), audit.Changes(),
		len(api.Calls()), api.MostAtOnce(), audit.Tick().Seq)
}
