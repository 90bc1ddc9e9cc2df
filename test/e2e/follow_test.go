package e2e_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/test/internal/stack"
)

// Another system follows with the credentials file and nothing else: the state, then every change. One that
// has a name goes on after the last event that it handled, also when Plumbline was restarted meanwhile.
func TestAnotherSystemFollows(t *testing.T) {
	w := newFixture(t, 1_100, "1h")
	w.settle()
	name := bus.Following{Account: w.control.Account, Name: string(topology.Follower)}

	var told following
	stop := follow(t, w.follower, name, &told)
	w.agrees(&told)
	if told.states != 2 {
		t.Errorf("the state came as %d pages", told.states)
	}
	w.poll()
	w.agrees(&told)
	stop()
	if told.changes == 0 {
		t.Error("the second poll changed nothing; the test shows nothing")
	}

	w.poll() // nobody follows
	if _, err := w.plumb.Process().Interrupt(10 * time.Second * stack.Slowness()); err != nil {
		t.Fatal(err)
	}
	w.plumb.Start(t)
	w.plumb.AwaitReady(t)
	conn, err := w.plumb.Follower(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	changes := told.changes
	stop = follow(t, conn, name, &told)
	w.agrees(&told)
	w.poll()
	w.agrees(&told)
	stop()
	if told.states != 2 || told.changes == changes {
		t.Errorf("after the restart the follower began anew: %d states, %d changes", told.states, told.changes-changes)
	}
	if err := w.audit.Check(t.Context(), w.operator, w.follower); err != nil {
		t.Error(err)
	}
}

// agrees waits until a follower has what the log has.
func (w *fixture) agrees(told *following) {
	w.Helper()
	stack.Until(w, soon, "the follower has what the log has", func() error {
		if err := w.audit.CatchUp(w.Context(), w.follower); err != nil {
			return fmt.Errorf("the log: %w", err)
		}
		return told.agree(&w.audit.Ledger)
	})
}
