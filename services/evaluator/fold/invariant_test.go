package fold_test

import (
	"bytes"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
	"plumbline.dev/services/evaluator/foldtest"
)

// Invariants 4 and 11 over any sequence of polls, edits, exemptions, switches, releases, enrolments and passing time:
// one poll flips no more than the limits allow unless it is held; changes lead from each entry to the next; the fold is
// deterministic and idempotent, and goes on from what went over the wire.
func TestEnforcement(t *testing.T) { rapid.Check(t, enforcement) }

func FuzzEnforcement(f *testing.F) { f.Fuzz(rapid.MakeFuzz(enforcement)) }

// site is the state of the test.
type site struct {
	t        *rapid.T
	entry    *proto.Entry
	follower foldtest.Follower
	on       fold.Basis
	tick     uint64
	exempt   map[proto.ID]fold.Exemption
	enrolled map[proto.ID]proto.Millis
	over     map[proto.ID]bool // exemptions shown as ended by an entry
	held     map[proto.ID]held // by check: the model of its hold
}

// held are the outcomes that the hold of a check keeps, by device, since a tick. A device whose outcome a person, the
// clock or missing evidence decided is not among them.
type held struct {
	tick     uint64
	outcomes map[proto.ID]proto.Outcome
}

func enforcement(t *rapid.T) {
	s := &site{t: t, follower: foldtest.Follower{}, exempt: map[proto.ID]fold.Exemption{},
		enrolled: map[proto.ID]proto.Millis{}, over: map[proto.ID]bool{}, held: map[proto.ID]held{}}
	s.on = fold.Basis{Page: fold.Page{Revision: 1}, StoredAt: epoch, Now: epoch,
		Config: fold.Config{Revision: 1, Exists: true, Organization: &proto.Organization{}}}
	for i := range rapid.IntRange(1, 40).Draw(t, "devices") {
		s.on.Page.Devices = append(s.on.Page.Devices, dev(byte(i)))
		s.on.Page.Enrolled = append(s.on.Page.Enrolled, 1)
		s.enrolled[dev(byte(i))] = 1
	}
	s.on.Config.Checks = []fold.Check{{Revision: 1, Check: s.check(0)}, {Revision: 1, Check: s.check(1)}}
	for range rapid.IntRange(1, 25).Draw(t, "steps") {
		s.on.StoredAt = s.on.StoredAt.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "minutes")) * time.Minute)
		s.on.Now = s.on.StoredAt + proto.Millis(rapid.IntRange(0, 2000).Draw(t, "skew"))
		s.step(rapid.IntRange(0, 11).Draw(t, "what"))
	}
}

func (s *site) step(what int) {
	switch what {
	case 0:
		i := rapid.IntRange(0, 1).Draw(s.t, "check")
		s.on.Config.Revision++
		s.on.Config.Checks = append([]fold.Check(nil), s.on.Config.Checks...)
		s.on.Config.Checks[i] = fold.Check{Revision: s.on.Config.Revision, Check: s.check(i)}
		s.maybe(proto.CauseConfig)
	case 1:
		s.changeExemptions()
		s.maybe(proto.CauseConfig)
	case 2:
		s.on.Config.Revision++
		s.on.Config.Organization = &proto.Organization{}
		if rapid.Bool().Draw(s.t, "switch") {
			s.on.Config.Organization.Observe = &proto.ObserveSwitch{Until: s.on.Now.Add(time.Hour)}
		}
		s.maybe(proto.CauseConfig)
	case 3:
		s.on.Page.Revision++
		s.enrol(rapid.SliceOfNDistinct(rapid.IntRange(0, 45), 0, 45, rapid.ID).Draw(s.t, "page"))
		s.maybe(proto.CausePage)
	case 4:
		s.fold(&proto.Input{Cause: proto.CauseExpired})
	case 5:
		s.fold(&proto.Input{Cause: proto.CauseRelease, Check: chk(byte(rapid.IntRange(0, 1).Draw(s.t, "of"))),
			DecidedAt: s.on.StoredAt, Tick: s.tick * uint64(rapid.IntRange(0, 1).Draw(s.t, "any tick"))})
	default:
		s.poll()
	}
}

// maybe has the page evaluated, or leaves it to the next input to notice.
func (s *site) maybe(c proto.Cause) {
	if rapid.Bool().Draw(s.t, "noticed") {
		s.fold(&proto.Input{Cause: c})
	}
}

func (s *site) check(i int) *proto.Check {
	k := &proto.Check{ID: chk(byte(i)), Type: proto.TypeCustomS2S, Operator: ">=",
		Score: rapid.SampledFrom([]float64{40, 60}).Draw(s.t, "score")}
	k.Breaker = &proto.BreakerSettings{Share: new(rapid.SampledFrom([]float64{0, 0.1, 0.5}).Draw(s.t, "share")),
		Floor: new(rapid.IntRange(0, 4).Draw(s.t, "floor")), Off: new(rapid.IntRange(0, 9).Draw(s.t, "off") == 0)}
	switch rapid.IntRange(0, 4).Draw(s.t, "setting") {
	case 0:
		k.RecoverScore = threshold(k.Score + 20)
	case 1:
		k.Grace = time.Hour
	case 2:
		k.Mode = proto.ModeObserve
	}
	return k
}

// enrol changes the page's devices. A returning device was revoked, or is enrolled anew.
func (s *site) enrol(devices []int) {
	was := slices.Clone(s.on.Page.Devices)
	s.on.Page.Devices, s.on.Page.Enrolled = nil, nil
	for _, i := range devices {
		id := dev(byte(i))
		if !slices.Contains(was, id) && (s.enrolled[id] == 0 || rapid.Bool().Draw(s.t, "anew")) {
			s.enrolled[id] = proto.Millis(s.on.Page.Revision)
		}
		s.on.Page.Devices = append(s.on.Page.Devices, id)
		s.on.Page.Enrolled = append(s.on.Page.Enrolled, s.enrolled[id])
	}
}

func (s *site) changeExemptions() {
	s.on.Config.Revision++
	id := dev(byte(rapid.IntRange(0, 8).Draw(s.t, "device")))
	if _, ok := s.exempt[id]; ok {
		delete(s.exempt, id)
	} else if s.enrolled[id] != 0 {
		x := exemption(id[1], chk(0), s.on.Now.Add(time.Hour))
		if rapid.Bool().Draw(s.t, "every check") {
			x.Check = proto.ID{}
		}
		x.ID[2], x.Revision, x.Enrolled = byte(s.on.Config.Revision), s.on.Config.Revision, s.enrolled[id]
		s.exempt[id] = x
	}
	all := maps.Clone(s.exempt)
	s.on.Config.HasExemption = func(id proto.ID) bool {
		for _, x := range all {
			if x.ID == id {
				return true
			}
		}
		return false
	}
	s.on.Config.Exempt = func(device proto.ID) []fold.Exemption {
		if x, ok := all[device]; ok {
			return []fold.Exemption{x}
		}
		return nil
	}
}

func (s *site) poll() {
	s.tick++
	in := &proto.Input{Cause: proto.CausePoll, Tick: s.tick, Poll: proto.Poll{Attempts: 1}}
	level := rapid.SampledFrom([][]int{{0}, {100}, {50}, {0, 50, 100}, {100, 100, 100, 100, 50}}).Draw(s.t, "api")
	if rapid.IntRange(0, 9).Draw(s.t, "fails") == 0 {
		in.Poll.Error = proto.ReasonTimeout
		level = nil
	}
	for i, id := range s.on.Page.Devices {
		if len(level) == 0 {
			break
		}
		o := proto.Observation{Device: id, Score: level[(i*7+int(s.tick))%len(level)]}
		if i%13 == int(s.tick)%17 {
			o.Score, o.Problem = proto.NoScore, proto.ReasonMissing
		}
		in.Observations = append(in.Observations, o)
	}
	// Changes first noticed by the poll count for themselves.
	settled := s.entry
	if s.entry != nil {
		if step := fold.Next(s.entry, &proto.Input{Cause: proto.CausePage}, s.on); step.Entry != nil {
			settled = step.Entry
		}
	}
	if settled != nil {
		s.keep(settled)
	}
	models := maps.Clone(s.held)
	s.fold(in)
	if settled != nil {
		s.bounded(settled, models)
	}
	if again := fold.Next(s.entry, in, s.on); again.Reason != fold.Late {
		s.t.Fatalf("the same poll again: %s", again.Reason)
	}
}

// bounded is invariant 11 for one page: what a poll flips between pass and fail by the evidence is within the limits,
// of the poll and of its window, or nothing of it is applied but the safe side.
func (s *site) bounded(before *proto.Entry, models map[proto.ID]held) {
	old := map[proto.ID]*proto.Result{}
	for i := range before.Results {
		old[before.Results[i].Device] = &before.Results[i]
	}
	for c, ref := range s.entry.Checks {
		model := models[ref.ID]
		if hold := before.State(c).Hold; hold == nil || hold.Tick != model.tick {
			model = held{}
		}
		out, in, passing, known, returned := 0, 0, 0, 0, 0
		for i := range s.entry.Results {
			was := old[s.entry.Results[i].Device]
			if was == nil {
				continue
			}
			from, to := was.Verdicts[c], s.entry.Results[i].Verdicts[c]
			if kept, ok := model.outcomes[was.Device]; ok &&
				(from.Reason == proto.ReasonScore || from.Reason == proto.ReasonHeld) {
				if from.Outcome == proto.OutcomeFail && kept == proto.OutcomePass && to.Outcome == kept {
					returned++ // a device withheld by the safe side
				}
				from.Outcome = kept
			}
			if from.Outcome != proto.OutcomeUnknown {
				known++
			}
			if from.Outcome == proto.OutcomePass {
				passing++
			}
			switch {
			case from.Outcome == proto.OutcomePass && to.Outcome == proto.OutcomeFail && from.Reason != proto.ReasonExempt:
				out++
			case from.Outcome == proto.OutcomeFail && to.Outcome == proto.OutcomePass && to.Reason == proto.ReasonScore:
				in++
			}
		}
		b := proto.BreakerOf(s.on.Config.Checks[c].Check, s.on.Config.Organization)
		hold := s.entry.State(c).Hold
		switch net := s.entry.State(c).Window.Net; {
		case b.Off && hold == nil:
		case b.Off:
			s.t.Fatalf("check %s: held though the breaker is off", ref.ID)
		case hold == nil && (float64(out) > b.Limit(passing) || float64(in) > b.Limit(known)):
			s.t.Fatalf("check %s: %d of %d passes lost, %d of %d gained, and no hold", ref.ID, out, passing, in, known)
		case hold == nil && out > 0 && float64(-net) > b.Limit(passing-net-out+in) ||
			hold == nil && in > 0 && float64(net) > b.Limit(known):
			s.t.Fatalf("check %s: a net of %d within the window, %d passes before, and no hold", ref.ID, net, passing)
		case hold != nil && (in > 0 || out > 0 && !hold.Safe):
			s.t.Fatalf("check %s: under hold %+v, %d lost and %d gained", ref.ID, hold, out, in)
		case hold != nil && returned > 0 && !hold.Safe:
			s.t.Fatalf("check %s: %d devices were withheld without a safe side", ref.ID, returned)
		case hold != nil && hold.Safe && s.on.Now < hold.Since.Add(b.MaxHold):
			s.t.Fatalf("check %s: the safe side before its time", ref.ID)
		}
	}
}

// fold folds an input twice, and follows it.
func (s *site) fold(in *proto.Input) {
	given := encode(s.t, s.entry)
	step, twin := fold.Next(s.entry, in, s.on), fold.Next(s.entry, in, s.on)
	if !bytes.Equal(given, encode(s.t, s.entry)) {
		s.t.Fatal("the entry that it was given was modified")
	}
	if !bytes.Equal(encode(s.t, step.Entry), encode(s.t, twin.Entry)) || step.Reason != twin.Reason {
		s.t.Fatal("the same input gives two entries")
	}
	if step.Entry == nil {
		return
	}
	for _, changes := range [][]fold.Change{step.Changes, fold.Between(s.entry, step.Entry)} {
		follower := maps.Clone(s.follower)
		if err := follower.Follow(changes); err != nil {
			s.t.Fatal(err)
		}
		if want := foldtest.StateOf(step.Entry); !maps.Equal(follower, want) {
			s.t.Fatalf("the changes lead to %v, the entry says %v", follower, want)
		}
	}
	s.follower = foldtest.StateOf(step.Entry)
	s.keep(step.Entry)
	s.entry = new(proto.Entry)
	if err := proto.Unmarshal(encode(s.t, step.Entry), s.entry); err != nil {
		s.t.Fatal(err)
	}
	for _, again := range []proto.Cause{proto.CausePage, proto.CauseConfig, proto.CauseExpired} {
		if r := fold.Next(s.entry, &proto.Input{Cause: again}, s.on).Reason; r != fold.Unchanged {
			s.t.Fatalf("%s right after %s: %s", again, in.Cause, r)
		}
	}
	if due := s.entry.NextExpiry; due != 0 && due <= s.on.Now {
		s.t.Fatalf("due at %d, evaluated at %d", due, s.on.Now)
	}
	s.consistent()
	s.endedForGood()
}

// endedForGood checks that an ended exemption, or one of a device enrolled anew, never decides again.
func (s *site) endedForGood() {
	for _, ref := range s.entry.Exemptions {
		if s.over[ref.ID] && !ref.Ended {
			s.t.Fatalf("exemption %s is back", ref.ID)
		}
		s.over[ref.ID] = ref.Ended
	}
	for i := range s.entry.Results {
		r := &s.entry.Results[i]
		for c, v := range r.Verdicts {
			x, ok := s.exempt[r.Device]
			if v.Reason == proto.ReasonExempt && (!ok || s.over[x.ID] || x.Enrolled != s.enrolled[r.Device]) {
				s.t.Fatalf("check %d of %s: %+v, exemption %+v, over: %t", c, r.Device, v, x.Exemption, s.over[x.ID])
			}
		}
	}
}

// keep brings the model of the holds up to date with the entry after s.entry.
func (s *site) keep(next *proto.Entry) {
	for c, ref := range next.Checks {
		hold, model := next.State(c).Hold, s.held[ref.ID]
		if hold == nil {
			delete(s.held, ref.ID)
			continue
		}
		if model.tick != hold.Tick {
			model = held{}
		}
		now := held{hold.Tick, map[proto.ID]proto.Outcome{}} // without the removed devices
		for i := range next.Results {
			r := &next.Results[i]
			v := r.Verdicts[c]
			if v.Reason != proto.ReasonScore && v.Reason != proto.ReasonHeld {
				continue
			}
			kept, known := model.outcomes[r.Device]
			if !known {
				kept = v.Outcome
			}
			now.outcomes[r.Device] = kept
			if v.Outcome != kept && (kept != proto.OutcomePass || !hold.Safe || v.Reason != proto.ReasonScore) {
				s.t.Fatalf("check %s: result %d, %+v, was %s when hold %+v began", ref.ID, i, v, kept, hold)
			}
		}
		s.held[ref.ID] = now
	}
}

// consistent checks that reasons fit their outcomes.
func (s *site) consistent() {
	for i := range s.entry.Results {
		for c, v := range s.entry.Results[i].Verdicts {
			hold := s.entry.State(c).Hold
			_, grace := s.entry.State(c).GraceOf(i)
			pass := v.Outcome == proto.OutcomePass
			switch {
			case v.Reason == proto.ReasonHeld && hold == nil,
				v.Reason == proto.ReasonHeld && hold.Safe && pass && v.Observed == proto.OutcomeFail,
				(v.Reason == proto.ReasonGrace) != grace,
				(v.Reason == proto.ReasonGrace || v.Reason == proto.ReasonExempt || v.Reason == proto.ReasonObserveOnly) && !pass,
				v.Reason == proto.ReasonScore && pass && v.Observed != proto.OutcomePass:
				s.t.Fatalf("result %d of check %d: %+v, hold %+v, grace %t", i, c, v, hold, grace)
			}
		}
	}
}
