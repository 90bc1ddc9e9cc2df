package fleet

import (
	"context"
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
)

// An entry of a replica that lags is not labelled with the newer sequence that the caller has seen.
func TestLaggingReplica(t *testing.T) {
	const seen = 9
	for name, c := range map[string]struct {
		answers []uint64 // sequences, 0 for no message; the last one repeats
		want    uint64
		tick    uint64
		reads   int
	}{
		"newest":           {[]uint64{9}, 9, 9, 1},
		"newer":            {[]uint64{12}, 12, 12, 1},
		"lags once":        {[]uint64{4, 9}, 9, 9, 2},
		"no message, once": {[]uint64{0, 9}, 9, 9, 2},
		"lags for long":    {[]uint64{4}, 4, 4, store.MaxAttempts},
		"no message":       {[]uint64{0}, seen, 0, store.MaxAttempts},
	} {
		t.Run(name, func(t *testing.T) {
			reads := 0
			e := entries{last: func(_ context.Context, stream, subject string) (*bus.Msg, error) {
				if stream == topology.PostureState {
					return nil, bus.ErrNotFound
				}
				seq := c.answers[min(reads, len(c.answers)-1)]
				if reads++; seq == 0 {
					return nil, bus.ErrNotFound
				}
				body, err := proto.Marshal(&proto.Entry{Tick: seq})
				return &bus.Msg{Subject: subject, Stream: stream, Seq: seq, Data: body}, err
			}}
			got, seq, err := e.newest(t.Context(), topology.PageRef{}, seen)
			if err != nil || seq != c.want || got.Tick != c.tick || reads != c.reads {
				t.Errorf("tick %d at %d after %d reads, %v; want %d at %d after %d", got.Tick, seq, reads, err, c.tick,
					c.want, c.reads)
			}
		})
	}
}
