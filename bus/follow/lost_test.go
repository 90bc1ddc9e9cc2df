package follow_test

import (
	"context"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
)

// The servers lose the position of a named follower while it handles a change, as in a power cut: it gets the changes
// after this one, and not this one again.
func TestAFollowerWhosePositionIsLostGetsNoChangeTwice(t *testing.T) {
	b := bustest.Start(t)
	w, c := b.LogWriter(), b.Conn(topology.Follower)
	w.Commit()
	bustest.Eventually(t, "the state is up to date", w.Settled)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	js, err := jetstream.New(b.Anybody(topology.Mirror))
	if err != nil {
		t.Fatal(err)
	}
	copied, err := js.Stream(ctx, topology.PostureLog)
	if err != nil {
		t.Fatal(err)
	}
	seen, lost := map[uint64]int{}, false
	var r bus.Results
	name := bus.Following{Account: w.Account, Name: string(topology.Follower)}
	err = c.Follow(ctx, name, func(_ context.Context, e bus.Event) error {
		r.Apply(e)
		switch e.Kind {
		case bus.EventReady:
			for range 20 {
				w.Commit()
			}
		case bus.EventChange:
			if seen[e.Seq]++; seen[e.Seq] > 1 {
				t.Errorf("change %d came again", e.Seq)
			}
			if !lost {
				lost = true
				for consumer := range copied.ListConsumers(ctx).Info() {
					if strings.HasPrefix(consumer.Name, topology.FollowPrefix) {
						if err := copied.DeleteConsumer(ctx, consumer.Name); err != nil {
							t.Error(err)
						}
					}
				}
			}
			if len(seen) >= 5 {
				cancel()
			}
		}
		return nil
	})
	if err != nil || !lost {
		t.Errorf("%v, position lost: %t", err, lost)
	}
}
