package stage_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/stage"
	"plumbline.dev/bus/topology"
)

// In a cluster, the leader of a consumer may still have requests of an ended stage, on another server and in another
// account. They take no messages from running stages, whether or not the process of the ended stage still runs.
func TestAStageThatEndedTakesNoMessage(t *testing.T) {
	t.Parallel()
	b := bustest.Cluster(t)
	for i := range b.Servers() {
		for name, exits := range map[string]bool{"the process goes on": false, "the process exits": true} {
			t.Run(fmt.Sprintf("server %d, %s", i, name), func(t *testing.T) {
				// Close waits until the requests have expired.
				expire := bustest.PullsExpire(time.Second, 2*time.Second)
				ended := b.ConnWith(i, topology.Evaluator, expire)
				next := b.ConnWith((i+1)%b.Servers(), topology.Evaluator, expire)
				_, stop := handling(t, ended)
				consumer, err := b.Conn(topology.Operator).JetStream().Consumer(t.Context(), topology.PostureScores,
					topology.ConsumerEvaluate)
				if err != nil {
					t.Fatal(err)
				}
				bustest.Eventually(t, "the stage asks", func() bool {
					info, err := consumer.Info(t.Context())
					return err == nil && info.NumWaiting > 0
				})
				stop()
				if exits {
					ended.Close()
				}
				handled, stop := handling(t, next)
				defer stop()
				begin := time.Now()
				scores(t, b.Conn(topology.Fetcher), 1)
				<-handled
				if took := time.Since(begin); took >= topology.AckWait {
					t.Errorf("a message was handled after %v, as if it had been handed to nobody", took)
				}
			})
		}
	}
}

// handling runs a stage that handles every message.
func handling(t *testing.T, c *bus.Conn) (handled <-chan *bus.Msg, stop func()) {
	t.Helper()
	all := make(chan *bus.Msg, 100)
	evaluate := stage.Stage{Name: "evaluate", Stream: topology.PostureScores, Consumer: topology.ConsumerEvaluate,
		Workers: 8}
	return all, bustest.Run(t, func(ctx context.Context) error {
		return stage.Consume(ctx, c, evaluate, func(_ context.Context, m *bus.Msg) error {
			all <- m
			return nil
		})
	})
}
