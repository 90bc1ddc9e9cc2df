package follow_test

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
)

// A follower with a copy of the state ahead of its copy of the log waits for the log. It takes a new state only if the
// log was replaced or has other content.
func TestFollowWaitsForTheLog(t *testing.T) {
	t.Parallel()
	short := func(info *jetstream.StreamInfo) error { info.State.LastSeq = 1; return nil }
	late := func(*jetstream.StreamInfo) error { return nats.ErrTimeout }
	anew := func(info *jetstream.StreamInfo) error { info.Created = info.Created.Add(time.Second); return nil }
	type looks = []func(*jetstream.StreamInfo) error
	for name, c := range map[string]struct {
		log, state looks // at the streams once the state was read
		gone       bool  // the newest entry is not in the log
		resets     int
	}{
		"the log is there":                     {resets: 1},
		"the log lags":                         {log: looks{short, short, short}, resets: 1},
		"the log lags, and answers are late":   {log: looks{late, short, late, late, short}, resets: 1},
		"the state does not answer":            {log: looks{short, short}, state: looks{late}, resets: 1},
		"the log is another one":               {log: looks{short, anew}, resets: 2},
		"the state is another one":             {log: looks{short, short}, state: looks{anew}, resets: 2},
		"the log holds something else instead": {log: looks{short}, gone: true, resets: 2},
	} {
		for kind, f := range map[string]bus.Following{"named": {Name: string(topology.Follower)}, "by position": {}} {
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				b := bustest.Start(t)
				w := b.LogWriter()
				c, f := c, f
				role := topology.Follower
				if c.gone {
					role, f.Name = topology.API, "" // in the pipeline's account a message can be deleted
				}
				for range 10 {
					w.Commit()
				}
				bustest.Eventually(t, "the state is up to date", w.Settled)
				if c.gone {
					newest := uint64(0)
					for _, seq := range w.Last {
						newest = max(newest, seq)
					}
					log, err := b.Conn(topology.Operator).JetStream().Stream(t.Context(), topology.PostureLog)
					if err == nil {
						err = log.DeleteMsg(t.Context(), newest)
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				states, waits := 0, false // handed out; the follower has looked at the log since
				conn := b.ConnWith(0, role, bustest.Distort(func(info *jetstream.StreamInfo) error {
					left := map[string]*looks{topology.PostureLog: &c.log, topology.PostureState: &c.state}[info.Config.Name]
					if states < len(w.Last) || left == nil || len(*left) == 0 {
						return nil
					}
					if waits = waits || info.Config.Name == topology.PostureLog; !waits {
						return nil // the reader of the state asks
					}
					look := (*left)[0]
					*left = (*left)[1:]
					return look(info)
				}))
				f.Account = w.Account
				resets, enough := 0, errors.New("enough")
				var r bus.Results
				err := conn.Follow(t.Context(), f, func(_ context.Context, e bus.Event) error {
					r.Apply(e)
					switch e.Kind {
					case bus.EventReset:
						resets++
					case bus.EventState:
						states++
					case bus.EventReady:
						return enough
					}
					return nil
				})
				if want := w.Want(); !errors.Is(err, enough) || resets != c.resets || !maps.Equal(want, maps.Collect(r.All())) {
					t.Errorf("Follow ended with %v after %d resets, want %d; results (-want +got):\n%s", err, resets, c.resets,
						cmp.Diff(want, maps.Collect(r.All())))
				}
				if len(c.log)+len(c.state) > 0 {
					t.Errorf("the follower did not look at the log %d times, and at the state %d times", len(c.log), len(c.state))
				}
			})
		}
	}
}
