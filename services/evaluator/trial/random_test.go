package trial_test

import (
	"slices"
	"time"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
)

const epoch proto.Millis = 1_700_000_000_000

func dev(n int) proto.ID { return proto.ID{1, byte(n)} }
func chk(n int) proto.ID { return proto.ID{2, byte(n)} }

// life is the random life of one page: polls and edits, folded one after the other.
type life struct {
	t        *rapid.T
	entry    *proto.Entry
	on       fold.Basis
	exempted []fold.Exemption
	revision uint64
	tick     uint64
	fixed    *proto.ID // the check without an edit, if any
}

func newLife(t *rapid.T) *life {
	l := &life{t: t, revision: 1}
	l.on = fold.Basis{Page: fold.Page{Revision: 1, Devices: someDevices(t)}, Now: epoch, StoredAt: epoch,
		Config: fold.Config{Revision: 1, Exists: true, Organization: &proto.Organization{}}}
	l.on.Config.Exempt = func(device proto.ID) (of []fold.Exemption) {
		for _, x := range l.exempted {
			if x.Device == device {
				of = append(of, x)
			}
		}
		return of
	}
	l.on.Config.HasExemption = func(id proto.ID) bool {
		return slices.ContainsFunc(l.exempted, func(x fold.Exemption) bool { return x.ID == id })
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "checks") {
		l.edit(someCheck(t, chk(i)))
	}
	l.fold(&proto.Input{Cause: proto.CausePage})
	return l
}

// edit stores a check, without folding it.
func (l *life) edit(c *proto.Check) {
	l.revision++
	checks := []fold.Check{{Revision: l.revision, Check: c}}
	for _, k := range l.on.Config.Checks {
		if k.ID != c.ID {
			checks = append(checks, k)
		}
	}
	l.on.Config.Checks, l.on.Config.Revision = checks, l.revision
}

// fold folds an input, and stores the entry as the log does.
func (l *life) fold(in *proto.Input) fold.Step {
	step := fold.Next(l.entry, in, l.on)
	if step.Entry != nil {
		l.entry = decoded(l.t, step.Entry)
	}
	return step
}

// pass lets time pass.
func (l *life) pass(most int) {
	l.on.Now = l.on.Now.Add(time.Duration(rapid.IntRange(0, most).Draw(l.t, "seconds")) * time.Second)
	l.on.StoredAt = l.on.Now
}

// settle folds all due and edited inputs.
func (l *life) settle() fold.Step {
	return l.fold(&proto.Input{Cause: proto.CauseConfig, ConfigRevision: l.on.Config.Revision})
}

// step lets something happen on the page, now.
func (l *life) step() {
	t := l.t
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 0:
		if c := someCheck(t, chk(rapid.IntRange(0, 2).Draw(t, "check"))); l.fixed == nil || c.ID != *l.fixed {
			l.edit(c)
			l.settle()
		}
	case 1:
		l.revision++
		x := &proto.Exemption{ID: proto.ID{3, byte(l.revision), byte(l.revision >> 8)},
			Device: dev(rapid.IntRange(1, 8).Draw(t, "device")),
			Until:  l.on.Now.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "until")) * time.Second)}
		if rapid.Bool().Draw(t, "one check") {
			x.Check = chk(rapid.IntRange(0, 2).Draw(t, "check"))
		}
		l.exempted = append(l.exempted, fold.Exemption{Revision: l.revision, Exemption: x})
		l.on.Config.Revision = l.revision
		l.settle()
	case 2:
		l.revision++
		o := &proto.Organization{Breaker: &proto.BreakerSettings{Off: new(rapid.Bool().Draw(t, "off")), Share: new(0.3),
			Floor: new(1)}}
		if rapid.Bool().Draw(t, "observe") {
			o.Observe = &proto.ObserveSwitch{Until: l.on.Now.Add(30 * time.Second)}
		}
		l.on.Config.Organization, l.on.Config.Revision = o, l.revision
		l.settle()
	case 3:
		l.revision++
		l.on.Page = fold.Page{Revision: l.revision, Devices: someDevices(t)}
		l.fold(&proto.Input{Cause: proto.CausePage, PageRevision: l.revision})
	default:
		l.tick++
		in := &proto.Input{Cause: proto.CausePoll, Tick: l.tick, Poll: proto.Poll{Attempts: 1}}
		for _, id := range l.on.Page.Devices {
			in.Observations = append(in.Observations, proto.Observation{Device: id,
				Score: rapid.SampledFrom([]int{0, 25, 50, 51, 75, 100}).Draw(t, "score")})
		}
		if rapid.IntRange(0, 4).Draw(t, "failed") == 0 {
			in.Poll.Error, in.Observations = proto.ReasonTimeout, nil
		}
		l.fold(in)
	}
}

func someDevices(t *rapid.T) (out []proto.ID) {
	for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(1, 8), 1, 6, rapid.ID).Draw(t, "devices") {
		out = append(out, dev(i))
	}
	return out
}

func someCheck(t *rapid.T, id proto.ID) *proto.Check {
	c := &proto.Check{ID: id, Type: proto.TypeCustomS2S,
		Operator:   rapid.SampledFrom([]proto.Operator{"<", ">=", "=="}).Draw(t, "operator"),
		Score:      float64(rapid.IntRange(0, 4).Draw(t, "threshold") * 25),
		Expiration: time.Duration(rapid.IntRange(0, 2).Draw(t, "expiration")) * 30 * time.Second,
		Grace:      time.Duration(rapid.IntRange(0, 2).Draw(t, "grace")) * 45 * time.Second}
	if rapid.IntRange(0, 4).Draw(t, "observe") == 0 {
		c.Mode = proto.ModeObserve
	}
	if rapid.Bool().Draw(t, "recover") {
		again := c.Score + 10
		if c.Operator == proto.OpLess {
			again = c.Score - 10
		}
		c.RecoverScore = &again
	}
	return c
}

func decoded(t *rapid.T, e *proto.Entry) *proto.Entry {
	data, err := proto.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	out := new(proto.Entry)
	if err := proto.Unmarshal(data, out); err != nil {
		t.Fatal(err)
	}
	return out
}
