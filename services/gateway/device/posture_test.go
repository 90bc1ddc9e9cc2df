package device

import (
	"testing"
	"time"

	"pgregory.net/rapid"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func TestPosture(t *testing.T) {
	const pass, fail, unknown = proto.OutcomePass, proto.OutcomeFail, proto.OutcomeUnknown
	at := proto.At(epoch)
	for _, c := range []struct {
		name string
		do   func(d *Devices, s *settings, apply func(topology.PageRef, uint64, *proto.Entry))
		want Posture
	}{
		{"nothing is known", func(*Devices, *settings, func(topology.PageRef, uint64, *proto.Entry)) {},
			Posture{unknown, proto.ReasonNeverPolled, 0, 0, proto.NoScore}},
		{"pass", func(_ *Devices, _ *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
			apply(onPage(0), 1, entryOf(result(1, 80, pass)))
		}, Posture{pass, proto.ReasonScore, at, at, 80}},
		{"fail", func(_ *Devices, _ *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
			apply(onPage(0), 1, entryOf(result(1, 0, fail)))
		}, Posture{fail, proto.ReasonScore, at, at, 0}},
		{"turned to fail", func(_ *Devices, _ *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
			apply(onPage(0), 7, entryOf(result(1, 80, pass)))
			apply(onPage(0), 9, entryOf(result(1, 20, fail)))
		}, Posture{fail, proto.ReasonScore, at, at, 20}},
		{"an older entry comes late", func(_ *Devices, _ *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
			apply(onPage(0), 9, entryOf(result(1, 20, fail)))
			apply(onPage(0), 7, entryOf(result(1, 80, pass)))
		}, Posture{fail, proto.ReasonScore, at, at, 20}},
		{"not enrolled", func(d *Devices, _ *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
			apply(onPage(0), 1, entryOf(result(1, 80, pass)))
			enrol(d, 0, 2, "")
		}, Posture{unknown, proto.ReasonRemoved, 0, 0, proto.NoScore}},
		{"enrolled in another slot", func(d *Devices, _ *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
			apply(onPage(0), 1, entryOf(result(1, 80, pass), result(2, 10, fail)))
			enrol(d, 0, 2, "", 3, "", 1, "")
		}, Posture{pass, proto.ReasonScore, at, at, 80}},
		{"moved to a page that does not speak of it yet",
			func(d *Devices, _ *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
				apply(onPage(0), 1, entryOf(result(1, 80, pass)))
				apply(onPage(1), 2, entryOf(result(3, 80, pass)))
				enrol(d, 0)
				enrol(d, 1, 3, "", 1, "")
			}, Posture{unknown, proto.ReasonNeverPolled, 0, 0, proto.NoScore}},
		{"in two pages' entries", func(d *Devices, _ *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
			apply(onPage(0), 3, entryOf(result(1, 80, pass)))
			apply(onPage(1), 2, entryOf(result(1, 10, fail)))
			enrol(d, 0)
			enrol(d, 1, 1, "")
		}, Posture{fail, proto.ReasonScore, at, at, 10}},
		{"another account's", func(_ *Devices, _ *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
			apply(topology.PageRef{Account: proto.Account{9}, Integration: integration}, 1, entryOf(result(1, 80, pass)))
		}, Posture{unknown, proto.ReasonNeverPolled, 0, 0, proto.NoScore}},
		{"another integration's", func(_ *Devices, _ *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
			apply(topology.PageRef{Account: account, Integration: other}, 1, entryOf(result(1, 80, pass)))
		}, Posture{unknown, proto.ReasonNeverPolled, 0, 0, proto.NoScore}},
		{"the integration was removed", func(_ *Devices, _ *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
			apply(onPage(0), 1, entryOf(result(1, 80, pass)))
			apply(onPage(0), 2, &proto.Entry{Closed: true})
		}, Posture{unknown, proto.ReasonCheckRemoved, 0, 0, proto.NoScore}},
		{"the integration is gone, the entry does not say so yet",
			func(_ *Devices, s *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
				apply(onPage(0), 1, entryOf(result(1, 80, pass)))
				delete(s.integrations, integration)
			}, Posture{unknown, proto.ReasonCheckRemoved, 0, 0, proto.NoScore}},
		{"the check is gone, the entry does not say so yet",
			func(_ *Devices, s *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
				apply(onPage(0), 1, entryOf(result(1, 80, pass)))
				delete(s.checks, check)
			}, Posture{unknown, proto.ReasonCheckRemoved, 0, 0, proto.NoScore}},
		{"the entry does not know the check yet",
			func(_ *Devices, _ *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
				e := entryOf(result(1, 80, pass))
				e.Checks[0].ID = second
				apply(onPage(0), 1, e)
			}, Posture{unknown, proto.ReasonNeverPolled, 0, 0, proto.NoScore}},
		{"a check of a type that nobody evaluates",
			func(_ *Devices, s *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
				apply(onPage(0), 1, entryOf(result(1, 80, pass)))
				s.checks[check].Type = "disk_encryption"
			}, Posture{unknown, proto.ReasonUnsupported, 0, 0, proto.NoScore}},
		{"never scored", func(_ *Devices, _ *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
			e := entryOf(result(1, proto.NoScore, unknown))
			e.Results[0].Verdicts[0].Reason = proto.ReasonMissing
			apply(onPage(0), 1, e)
		}, Posture{unknown, proto.ReasonMissing, at, 0, proto.NoScore}},
		{"never asked about", func(_ *Devices, _ *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
			apply(onPage(0), 1, entryOf(result(1, proto.NoScore, unknown)))
		}, Posture{unknown, proto.ReasonNeverPolled, 0, 0, proto.NoScore}},
		{"the newest poll failed", func(_ *Devices, _ *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
			e := entryOf(result(2, 1, fail), result(1, 80, pass))
			e.Poll.At, e.Poll.Error = at+60_000, proto.ReasonTimeout
			apply(onPage(0), 1, e)
		}, Posture{pass, proto.ReasonScore, at, at, 80}},
		{"the newest poll had nothing about it",
			func(_ *Devices, _ *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
				e := entryOf(result(1, 80, pass))
				e.Poll.At = at + 60_000
				apply(onPage(0), 1, e)
			}, Posture{pass, proto.ReasonScore, at + 60_000, at, 80}},
		{"expired, and the evaluator did not say so",
			func(_ *Devices, s *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
				e := entryOf(result(1, 80, pass))
				e.Results[0].ObservedAt = at - 60_000
				s.checks[check].Expiration = time.Minute
				apply(onPage(0), 1, e)
			}, Posture{unknown, proto.ReasonExpired, at, at - 60_000, 80}},
		{"about to expire", func(_ *Devices, s *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
			e := entryOf(result(1, 80, pass))
			e.Results[0].ObservedAt = at - 59_999
			s.checks[check].Expiration = time.Minute
			apply(onPage(0), 1, e)
		}, Posture{pass, proto.ReasonScore, at, at - 59_999, 80}},
		{"expired, as the evaluator says", func(_ *Devices, s *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
			e := entryOf(result(1, 80, unknown))
			e.Results[0].Verdicts[0].Reason = proto.ReasonTimeout
			s.checks[check].Expiration = time.Hour
			apply(onPage(0), 1, e)
		}, Posture{unknown, proto.ReasonTimeout, at, at, 80}},
		{"an outcome that nobody knows", func(_ *Devices, _ *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
			apply(onPage(0), 1, entryOf(result(1, 80, proto.Outcome(77))))
		}, Posture{unknown, proto.ReasonScore, at, at, 80}},
		{"what is enforced, not what was observed",
			func(_ *Devices, _ *settings, apply func(topology.PageRef, uint64, *proto.Entry)) {
				e := entryOf(result(1, 80, fail))
				e.Results[0].Verdicts[0].Observed = pass
				apply(onPage(0), 1, e)
			}, Posture{fail, proto.ReasonScore, at, at, 80}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, s, _ := offline(t)
			enrol(d, 0, 1, "")
			c.do(d, s, func(p topology.PageRef, seq uint64, e *proto.Entry) {
				if seen := d.state.apply(logged(t, p, seq, e)); seen != seq {
					t.Errorf("seen %d, want %d", seen, seq)
				}
			})
			if got := d.Posture(account, dev(1), check); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// If the newest entry of a page is unreadable, nothing is known about the page: older entries no longer count.
func TestAnEntryThatCannotBeReadTakesThePass(t *testing.T) {
	for name, spoil := range map[string]func(*bus.Msg){
		"the body":   func(m *bus.Msg) { m.Data = m.Data[:len(m.Data)/2] },
		"the schema": func(m *bus.Msg) { m.Header.Set(proto.HeaderSchema, "entry.2") },
		"the place":  func(m *bus.Msg) { m.Header.Set("Nats-Stream-Source", "POSTURE_LOG") },
	} {
		d, _, _ := offline(t)
		enrol(d, 0, 1, "")
		d.state.apply(logged(t, onPage(0), 5, entryOf(result(1, 80, proto.OutcomePass))))
		bad := logged(t, onPage(0), 6, entryOf(result(1, 80, proto.OutcomePass)))
		spoil(bad)
		d.state.apply(bad)
		if got := d.Posture(account, dev(1), check); got.Outcome != proto.OutcomeUnknown {
			t.Errorf("%s: %+v", name, got)
		}
		d.state.apply(logged(t, onPage(0), 7, entryOf(result(1, 80, proto.OutcomePass))))
		if got := d.Posture(account, dev(1), check); got.Outcome != proto.OutcomePass {
			t.Errorf("%s, afterwards: %+v", name, got)
		}
	}
	d, _, _ := offline(t)
	if seen := d.state.apply(&bus.Msg{Subject: "posture.log.x", Seq: 1}); seen != 0 {
		t.Errorf("seen %d", seen)
	}
}

// The compact form agrees with the entries themselves, for any order of updates.
func TestTheStateIsWhatTheNewestEntriesSay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d, s, _ := offline(t)
		s.checks[check].Expiration = time.Duration(rapid.IntRange(0, 3).Draw(rt, "expiration")) * time.Minute
		pages, newest, seqs := map[topology.PageNumber][]int{}, map[topology.PageNumber]*proto.Entry{},
			map[topology.PageNumber]uint64{}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			n := topology.PageNumber(rapid.IntRange(0, 2).Draw(rt, "page"))
			if rapid.Bool().Draw(rt, "inventory") {
				pages[n] = rapid.SliceOfNDistinct(rapid.IntRange(1, 6), 0, 5, rapid.ID[int]).Draw(rt, "devices")
				var all []any
				for _, i := range pages[n] {
					all = append(all, i, "")
				}
				enrol(d, n, all...)
				continue
			}
			seq, e := rapid.Uint64Range(1, 20).Draw(rt, "seq"), drawEntry(rt)
			d.state.apply(logged(t, onPage(n), seq, e))
			if seq > seqs[n] {
				seqs[n], newest[n] = seq, e
			}
		}
		for i := range 8 {
			for _, id := range []proto.ID{check, second} {
				got, want := d.Posture(account, dev(i), id), brute(s, pages, newest, i, id)
				if got != want {
					rt.Fatalf("device %d, check %v: %+v, want %+v", i, id, got, want)
				}
			}
		}
	})
}

func drawEntry(t *rapid.T) *proto.Entry {
	e := &proto.Entry{Poll: proto.Poll{At: proto.At(epoch) - proto.Millis(rapid.IntRange(0, 200_000).Draw(t, "polled"))}}
	if rapid.IntRange(0, 9).Draw(t, "closed") == 0 {
		e.Closed = true
		return e
	}
	e.Poll.Error = rapid.SampledFrom([]proto.Reason{proto.ReasonNone, proto.ReasonNone, proto.ReasonTimeout}).Draw(t,
		"error")
	for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom([]proto.ID{check, second}), 0, 2,
		rapid.ID[proto.ID]).Draw(t, "checks") {
		e.Checks = append(e.Checks, proto.CheckRef{ID: id})
	}
	for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(1, 6), 0, 6, rapid.ID[int]).Draw(t, "results") {
		r := proto.Result{Device: dev(i), Score: rapid.IntRange(proto.NoScore, 100).Draw(t, "score"),
			Verdicts: []proto.Verdict{}}
		if r.Score != proto.NoScore {
			r.ObservedAt = e.Poll.At - proto.Millis(rapid.SampledFrom([]int{0, 0, 1, 90_000, 1 << 40}).Draw(t, "age"))
		}
		for range e.Checks {
			o := rapid.SampledFrom([]proto.Outcome{proto.OutcomePass, proto.OutcomeFail, proto.OutcomeUnknown}).Draw(t,
				"outcome")
			r.Verdicts = append(r.Verdicts,
				proto.Verdict{Outcome: o, Observed: o, Reason: proto.Reason(rapid.IntRange(0, 12).Draw(t, "reason"))})
		}
		e.Results = append(e.Results, r)
	}
	return e
}

// brute answers from whole entries.
func brute(s *settings, pages map[topology.PageNumber][]int, newest map[topology.PageNumber]*proto.Entry, device int,
	id proto.ID) Posture {
	p, in := Posture{Score: proto.NoScore}, []topology.PageNumber{}
	for n, devices := range pages {
		for _, i := range devices {
			if i == device {
				in = append(in, n)
			}
		}
	}
	if len(in) != 1 {
		p.Reason = proto.ReasonRemoved
		return p
	}
	e := newest[in[0]]
	if e != nil && e.Closed {
		p.Reason = proto.ReasonCheckRemoved
		return p
	}
	p.Reason = proto.ReasonNeverPolled
	if e == nil {
		return p
	}
	for _, r := range e.Results {
		for c, v := range r.Verdicts {
			if r.Device != dev(device) || e.Checks[c].ID != id {
				continue
			}
			p = Posture{Outcome: v.Outcome, Reason: v.Reason, Score: r.Score, ObservedAt: r.ObservedAt, LookedAt: r.ObservedAt}
			if e.Poll.Error == proto.ReasonNone && v.Reason != proto.ReasonNeverPolled {
				p.LookedAt = e.Poll.At
			}
			if life := s.checks[id].Expiration; life > 0 && p.Outcome != proto.OutcomeUnknown &&
				epoch.Sub(r.ObservedAt.Time()) >= life {
				p.Outcome, p.Reason = proto.OutcomeUnknown, proto.ReasonExpired
			}
		}
	}
	return p
}
