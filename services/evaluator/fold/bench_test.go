package fold_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
)

// full returns the first entry of a full page with a number of checks, the next poll, and what to fold the poll onto.
func full(checks int) (*proto.Entry, *proto.Input, fold.Basis) {
	on := fold.Basis{Page: fold.Page{Revision: 1}, Config: fold.Config{Revision: 1, Exists: true}, StoredAt: epoch,
		Now: epoch}
	in := &proto.Input{Cause: proto.CausePoll, Tick: 1}
	r := rand.New(rand.NewPCG(1, 2))
	for range proto.PageSize {
		id := proto.NewID()
		on.Page.Devices = append(on.Page.Devices, id)
		in.Observations = append(in.Observations,
			proto.Observation{Device: id, Score: r.IntN(101), S2SID: "agent-0123456789"})
	}
	for i := range checks {
		on.Config.Checks = append(on.Config.Checks, check(byte(i), 1, ">=", float64(i%101), time.Hour))
	}
	entry := fold.Next(nil, in, on).Entry
	next := &proto.Input{Cause: proto.CausePoll, Tick: 2, Observations: slices.Clone(in.Observations)}
	for i := range next.Observations {
		if i%10 == 0 { // a tenth of the scores drifts
			next.Observations[i].Score = r.IntN(101)
		}
	}
	return entry, next, on
}

func BenchmarkNext(b *testing.B) {
	for _, c := range []struct {
		name   string
		checks int
		edit   func(*proto.Entry, *proto.Input, *fold.Basis) *proto.Entry
	}{
		{"poll", 2, nil},
		{"poll/100 checks", proto.MaxChecks, nil},
		{"poll/another order", 2, func(e *proto.Entry, in *proto.Input, _ *fold.Basis) *proto.Entry {
			rand.New(rand.NewPCG(3, 4)).Shuffle(len(in.Observations), func(i, j int) {
				in.Observations[i], in.Observations[j] = in.Observations[j], in.Observations[i]
			})
			return e
		}},
		{"poll/unchanged", 2, func(_ *proto.Entry, in *proto.Input, on *fold.Basis) *proto.Entry {
			same := *in
			same.Tick = 1
			return fold.Next(nil, &same, *on).Entry
		}},
		{"poll/first", 2, func(*proto.Entry, *proto.Input, *fold.Basis) *proto.Entry { return nil }},
		{"poll/at rest", 2, rest(false)},
		{"poll/at rest, breakers off", 2, rest(true)},
		{"page/unchanged", 2, func(e *proto.Entry, in *proto.Input, _ *fold.Basis) *proto.Entry {
			*in = proto.Input{Cause: proto.CausePage}
			return e
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			entry, in, on := full(c.checks)
			if c.edit != nil {
				entry = c.edit(entry, in, &on)
			}
			b.ReportAllocs()
			for b.Loop() {
				fold.Next(entry, in, on)
			}
		})
	}
}

// rest returns an edit of the first entry and the next poll after which no score crosses a threshold, so that the
// breakers have nothing to count. off turns the breakers off.
func rest(off bool) func(*proto.Entry, *proto.Input, *fold.Basis) *proto.Entry {
	return func(_ *proto.Entry, in *proto.Input, on *fold.Basis) *proto.Entry {
		on.Config.Organization = &proto.Organization{Breaker: &proto.BreakerSettings{Off: &off}}
		on.Config.Checks = []fold.Check{check(0, 1, ">=", 50, time.Hour), check(1, 1, ">=", 60, time.Hour)}
		first := *in
		first.Tick, first.Observations = 1, slices.Clone(in.Observations)
		for i := range first.Observations {
			first.Observations[i].Score, in.Observations[i].Score = 60+i%40, 60+(i+i%50/49)%40
		}
		return fold.Next(nil, &first, *on).Entry
	}
}
