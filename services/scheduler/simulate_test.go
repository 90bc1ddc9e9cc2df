package scheduler

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/slot"
)

// simulation runs several schedulers that read, decide and publish with delays in between, on a server that accepts a
// tick only after the newest one. The clocks of schedulers and server are wrong and jump. Schedulers see changes late,
// crash and return. The invariants are checked after every step.
//
// All times are true time, counted from the start; a clock is an offset on it.
type simulation struct {
	t interface {
		Fatalf(format string, args ...any)
	}
	rng *rand.Rand

	now      time.Duration
	server   time.Duration // the server's clock, ahead of true time
	stepped  time.Duration // when the server's clock was last set; settled is the time for its effects to end
	settled  time.Duration
	rogues   int // how many ticks rogues have published
	newest   *Stored
	versions []version
	runners  []*runner

	taken map[slotName]taken
	last  time.Duration // the last tick of any kind
	ticks int
}

type version struct {
	at time.Duration
	Schedule
}

// taken is a slot's tick, a manual one aside.
type taken struct {
	at     time.Duration
	server time.Duration // the server's clock then
	// doubtful is set for a tick with an unreliable slot: a rogue's, or one published while the server's clock was set.
	doubtful bool
	rogues   int // how many ticks rogues had published
}

type slotName struct {
	schedule uint64
	slot     int64
}

// runner is one scheduler.
type runner struct {
	sim     *simulation
	alive   bool
	started time.Duration
	skew    time.Duration // of its own clock
	lag     time.Duration // until it sees a change
	next    time.Duration // when it passes next
	clock   *serverClock
	seen    int // versions seen
	newest  *Stored
	looked  bool
	// publishing is a tick on its way to the server.
	publishing *proto.Tick
	expects    uint64
	decided    time.Time
}

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newSimulation(t interface{ Fatalf(string, ...any) }, seed uint64, schedulers int) *simulation {
	s := &simulation{t: t, rng: rand.New(rand.NewPCG(seed, 1)), taken: map[slotName]taken{},
		versions: []version{{Schedule: minute}}, stepped: -time.Hour}
	for range schedulers {
		r := &runner{sim: s, skew: time.Duration(s.rng.Int64N(int64(4*time.Hour))) - 2*time.Hour,
			lag: time.Duration(s.rng.Int64N(int64(maxLag)))}
		s.runners = append(s.runners, r)
		r.start()
	}
	return s
}

func (s *simulation) serverTime() time.Time { return epoch.Add(s.now + s.server) }

// Now and After make a runner its own clock.
func (r *runner) Now() time.Time                       { return epoch.Add(r.sim.now + r.skew) }
func (r *runner) After(time.Duration) <-chan time.Time { panic("a simulated scheduler does not sleep") }

func (s *simulation) current() version { return s.versions[len(s.versions)-1] }

func (r *runner) start() {
	r.alive, r.started, r.next, r.newest, r.looked, r.publishing = true, r.sim.now, r.sim.now, nil, false, nil
	r.clock = &serverClock{local: r, ask: func(context.Context) (time.Time, error) { return r.sim.serverTime(), nil }}
	r.seen = 0
}

// view is the schedule as the runner knows it.
func (r *runner) view() Schedule {
	for r.seen < len(r.sim.versions)-1 && r.sim.versions[r.seen+1].at+r.lag <= r.sim.now {
		r.seen++
	}
	return r.sim.versions[r.seen].Schedule
}

const (
	idle       = 5 * time.Second
	maxLatency = 1500 * time.Millisecond
	maxLag     = 4 * time.Second
)

// pass does the work of Service.pass and tend, with a delay between reading and publishing.
func (r *runner) pass() {
	if r.publishing != nil {
		r.settle()
		return
	}
	if _, err := r.clock.refresh(context.Background()); err != nil {
		r.sim.t.Fatalf("%v", err)
	}
	now, schedule := r.clock.now(), r.view()
	if r.newest != nil && r.newest.Seen.After(now) {
		r.newest.Seen = now
	}
	d := decide(now, schedule, r.newest)
	if schedule.Polled && (!r.looked || d.Publish) {
		if at := r.sim.newest; at == nil {
			r.newest = nil
		} else {
			read := *at
			read.Seen = now
			if r.newest != nil && r.newest.Seq == at.Seq {
				read.Seen = r.newest.Seen
			}
			r.newest = &read
		}
		r.looked = true
		if d = decide(now, schedule, r.newest); d.Publish {
			r.publishing, r.expects, r.decided = &d.Tick, seqOf(r.newest), now
			r.next = r.sim.now + time.Duration(r.sim.rng.Int64N(int64(maxLatency)))
			return
		}
	}
	r.sleep(d, now)
}

func (r *runner) sleep(d Decision, now time.Time) {
	sleep := idle
	if !d.Wake.IsZero() {
		sleep = min(sleep, d.Wake.Sub(now))
	}
	r.next = r.sim.now + max(sleep, 0) + time.Millisecond
	// A change wakes it, once it sees it.
	if r.seen+1 < len(r.sim.versions) {
		r.next = min(r.next, max(r.sim.now, r.sim.versions[r.seen+1].at+r.lag))
	}
}

// settle is the server's answer to a tick.
func (r *runner) settle() {
	tick := *r.publishing
	r.publishing = nil
	if !r.sim.publish(tick, r.expects, false) {
		r.looked = false
		r.next = r.sim.now + 100*time.Millisecond
		return
	}
	now := r.decided
	r.newest = &Stored{Tick: tick, Seq: r.sim.newest.Seq, StoredAt: now, Seen: now}
	r.sleep(decide(now, r.view(), r.newest), now)
}

func seqOf(s *Stored) uint64 {
	if s == nil {
		return 0
	}
	return s.Seq
}

// publish stores a tick as the server does, and checks it.
func (s *simulation) publish(tick proto.Tick, expects uint64, rogue bool) bool {
	if seqOf(s.newest) != expects {
		return false
	}
	before := s.newest
	s.newest = &Stored{Tick: tick, Seq: expects + 1, StoredAt: s.serverTime()}
	s.last = s.now
	if tick.Cause == proto.TickManual {
		return true
	}
	s.ticks++
	name := slotName{tick.Schedule, tick.Slot}
	// For a moment after the server's clock was set, a scheduler may still use its time from before.
	doubtful := rogue || s.now <= s.stepped+askAgain+maxLatency
	// Slots are the server's time. When its clock is set back, hours come again, and only they.
	first, twice := s.taken[name]
	again := first.server > s.server
	// A rogue's tick replaces the newest one without its history.
	hidden := first.rogues != s.rogues && first.at < s.stepped
	if twice && !again && !hidden && !first.doubtful && !doubtful {
		s.t.Fatalf("%v: slot %+v makes a second tick, the first was at %v", s.now, name, first.at)
	}
	s.taken[name] = taken{s.now, s.server, doubtful, s.rogues}
	if rogue {
		s.rogues++
		return true
	}
	if before != nil && before.Tick.Schedule > tick.Schedule {
		s.t.Fatalf("%v: a tick of schedule %d after one of %d", s.now, tick.Schedule, before.Tick.Schedule)
	}
	// No flood: a tick is of the slot of its publication, plus or minus its way to the server.
	if !doubtful {
		cut := slot.Of(integration, tick.Interval)
		if early, late := cut.Begin(tick.Slot).Sub(s.serverTime()),
			s.serverTime().Sub(cut.Begin(tick.Slot+1)); early > time.Second || late > maxLatency+time.Second {
			s.t.Fatalf("%v: a tick of slot %d, %v early or %v late", s.now, tick.Slot, early, late)
		}
	}
	return true
}

// check fails if the integration is silent though a scheduler could have polled it.
func (s *simulation) check() {
	v := s.current()
	if !v.Polled {
		return
	}
	able := time.Duration(-1) // since when one of them was able to
	for _, r := range s.runners {
		if r.alive {
			since := max(r.started, v.at+r.lag, s.settled)
			if able < 0 || since < able {
				able = since
			}
		}
	}
	if able < 0 {
		return
	}
	const soon = idle + 2*maxLatency + time.Second
	if s.newest != nil && s.newest.Tick.Schedule == v.Revision {
		if silent := s.now - max(able, s.last); silent > v.Interval+soon {
			s.t.Fatalf("%v: no tick for %v of an integration due every %v, newest %+v", s.now, silent, v.Interval, s.newest)
		}
	} else if s.now-able > soon {
		s.t.Fatalf("%v: changed at %v, not polled yet", s.now, v.at)
	}
}

// change makes a new version of the schedule.
func (s *simulation) change(edit func(*Schedule)) {
	v := version{at: s.now, Schedule: s.current().Schedule}
	polled := v.Polled
	edit(&v.Schedule)
	if v.Interval != s.current().Interval || (v.Polled && !polled) {
		v.Revision++
	}
	s.versions = append(s.versions, v)
	for _, r := range s.runners {
		if r.publishing == nil {
			r.next = min(r.next, s.now+r.lag)
		}
	}
}

func (s *simulation) setServer(offset time.Duration) {
	back := s.server - offset
	s.server, s.stepped, s.settled = offset, s.now, max(s.settled, s.now)
	switch {
	case back > Tolerance:
		// The slot of now may have had its tick: it is left out.
		s.settled = max(s.settled, s.now+s.current().Interval)
	case back > 0:
		s.settled = max(s.settled, s.now+Tolerance)
	}
}

// misfortunes are the possible faults, besides the passing of time.
var misfortunes = map[string]func(*simulation, *runner){
	"a scheduler dies":                 func(_ *simulation, r *runner) { r.alive = false },
	"a scheduler starts":               func(_ *simulation, r *runner) { r.start() },
	"every scheduler is down":          func(s *simulation, _ *runner) { each(s, func(r *runner) { r.alive = false }) },
	"every scheduler starts":           func(s *simulation, _ *runner) { each(s, (*runner).start) },
	"a clock is an hour fast":          func(_ *simulation, r *runner) { r.skew = time.Hour },
	"a clock is an hour slow":          func(_ *simulation, r *runner) { r.skew = -time.Hour },
	"a clock is set right":             func(_ *simulation, r *runner) { r.skew = 0 },
	"a clock is a little off":          func(_ *simulation, r *runner) { r.skew = 7 * time.Second },
	"the interval is an hour":          func(s *simulation, _ *runner) { s.change(func(c *Schedule) { c.Interval = time.Hour }) },
	"the interval is a minute":         func(s *simulation, _ *runner) { s.change(func(c *Schedule) { c.Interval = time.Minute }) },
	"the interval is seven seconds":    func(s *simulation, _ *runner) { s.change(func(c *Schedule) { c.Interval = 7 * time.Second }) },
	"it is paused":                     func(s *simulation, _ *runner) { s.change(func(c *Schedule) { c.Polled = false }) },
	"it is resumed":                    func(s *simulation, _ *runner) { s.change(func(c *Schedule) { c.Polled = true }) },
	"it is saved without a change":     func(s *simulation, _ *runner) { s.change(func(*Schedule) {}) },
	"the server's clock is an hour on": func(s *simulation, _ *runner) { s.setServer(time.Hour) },
	"the server's clock is 20 s on":    func(s *simulation, _ *runner) { s.setServer(20 * time.Second) },
	"the server's clock is set right":  func(s *simulation, _ *runner) { s.setServer(0) },
	"somebody polls now": func(s *simulation, _ *runner) {
		if s.newest != nil {
			fast := proto.At(s.serverTime().Add(time.Hour))
			manual := slot.Manual(integration, s.newest.Tick, s.newest.StoredAt, fast)
			last := s.last
			s.publish(manual, s.newest.Seq, false)
			s.last = last // it does not excuse a missing tick
		}
	},
	"a rogue publishes an hour ahead": func(s *simulation, _ *runner) {
		if v := s.current(); s.newest != nil && s.newest.Tick.Schedule == v.Revision {
			cut := slot.Of(integration, v.Interval)
			ahead := cut.At(s.serverTime().Add(time.Hour + v.Interval))
			s.publish(proto.Tick{Slot: ahead, Due: proto.At(cut.Begin(ahead)), Interval: v.Interval, Schedule: v.Revision},
				s.newest.Seq, true)
		}
	},
}

func each(s *simulation, do func(*runner)) {
	for _, r := range s.runners {
		do(r)
	}
}

// Invariant 2, with crashing schedulers, clock steps and late changes.
func TestSimulation(t *testing.T) {
	names := slices.Sorted(maps.Keys(misfortunes))
	most := 0
	life := func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		s := newSimulation(t, seed, rapid.IntRange(1, 4).Draw(t, "schedulers"))
		for range rapid.IntRange(0, 12).Draw(t, "misfortunes") {
			what := rapid.SampledFrom(names).Draw(t, "then")
			who := rapid.IntRange(0, len(s.runners)-1).Draw(t, "who")
			s.run(time.Duration(rapid.IntRange(1, 1500).Draw(t, "after seconds")) * time.Second)
			misfortunes[what](s, s.runners[who])
		}
		s.run(2 * s.current().Interval)
		most = max(most, s.ticks)
	}
	for range 20 { // bad combinations of misfortunes are rare
		rapid.Check(t, life)
	}
	if most < 50 {
		t.Errorf("no simulation saw more than %d ticks", most)
	}
	t.Logf("at most %d ticks", most)
}

// Runs with a violated invariant in the past, each with many seeds to vary the delays between the steps.
func TestSimulatedRunsThatOnceFailed(t *testing.T) {
	type step struct {
		after int // seconds
		then  string
	}
	const (
		hourOn, setRight, starts = "the server's clock is an hour on", "the server's clock is set right", "a scheduler starts"
		manual, rogue            = "somebody polls now", "a rogue publishes an hour ahead"
	)
	for name, steps := range map[string][]step{
		// Seed 11328827767349238465: the manual tick used the rogue's slot; the clock had nearly reached it by then.
		"a manual tick behind a rogue's": {{11, rogue}, {19, hourOn}, {2, manual}, {71, starts}},
		"the clock returns to a slot, by a manual tick": {{3, hourOn}, {13, setRight}, {2, manual}, {1, hourOn}, {3, starts},
			{4, starts}},
		"the clock returns to a slot, by an earlier one": {{1, "the interval is seven seconds"}, {12, hourOn}, {9, setRight},
			{0, starts}, {2, hourOn}, {2, starts}},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(500) {
				s := newSimulation(t, seed, 1)
				for _, step := range steps {
					s.run(time.Duration(step.after) * time.Second)
					misfortunes[step.then](s, s.runners[0])
				}
				s.run(2 * s.current().Interval)
			}
		})
	}
}

// run lets time go by.
func (s *simulation) run(d time.Duration) {
	for end := s.now + d; ; {
		var first *runner
		for _, r := range s.runners {
			if r.alive && (first == nil || r.next < first.next) {
				first = r
			}
		}
		if first == nil || first.next > end {
			s.now = end
			return
		}
		s.now = max(s.now, first.next)
		first.pass()
		s.check()
	}
}
