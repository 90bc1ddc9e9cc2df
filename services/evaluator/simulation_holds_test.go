package evaluator

import (
	"context"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"pgregory.net/rapid"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
	"plumbline.dev/services/evaluator/judge"
	"plumbline.dev/services/internal/overview"
)

// The simulation of holds runs two evaluators over three pages whose scoring API misbehaves. Both judge, from views
// that lag; a person releases and rejects; checks, exemptions and the account's settings are edited. Every commit is
// held against [oracle], which knows nothing of the fold.

// Invariants 4 and 11.
func TestHoldsOfTwoEvaluators(t *testing.T) {
	for range holdRounds(t) {
		rapid.Check(t, simulateHolds)
	}
}

func FuzzHoldsOfTwoEvaluators(f *testing.F) { f.Fuzz(rapid.MakeFuzz(simulateHolds)) }

// holdRounds is how often the simulation runs 2,000 seeds: SIMULATE_HOLDS, or once.
func holdRounds(t *testing.T) int {
	text := os.Getenv("SIMULATE_HOLDS")
	if text == "" {
		return 1
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func simulateHolds(t *rapid.T) {
	w := newHoldWorld(t)
	defer w.close()
	w.run(rapid.IntRange(5, 30).Draw(t, "tens of steps"))
	w.settle()
}

// holdWorld is a fleet of three pages under two checks.
type holdWorld struct {
	*world
	oracle
	tick    uint64
	exempt  [][]fold.Exemption // by configuration
	records map[proto.ID][]heldRecord
}

// heldRecord is a record of HOLDS; fair is set if it may release pages.
type heldRecord struct {
	revision uint64
	hold     *proto.Hold
	at       proto.Millis
	fair     bool
}

const (
	fleetPages  = 3
	pageDevices = 8
)

func newHoldWorld(t *rapid.T) *holdWorld {
	w := &holdWorld{world: newWorld(t, rapid.Bool().Draw(t, "replicas"), fleetPages),
		exempt: [][]fold.Exemption{nil}, records: map[proto.ID][]heldRecord{}}
	w.oracle.w = w
	w.backlog, w.world.verify = 12, w.oracle.verify
	w.steps = slices.Concat(
		slices.Repeat([]func(){w.advance}, 40), slices.Repeat([]func(){w.take}, 14),
		slices.Repeat([]func(){w.poll}, 5), slices.Repeat([]func(){w.judge, w.pass}, 4),
		slices.Repeat([]func(){w.see, w.decide}, 3), []func(){w.editCheck, w.editExemptions, w.editOrganization,
			w.changePage, w.catchUp, w.catchUp, w.evict, w.crash, w.crash, w.skew})
	w.edit(func(c *fold.Config) {
		c.Organization = &proto.Organization{
			Breaker: (&proto.Breaker{Share: 0.25, Floor: 1, Window: 20 * time.Second, MaxHold: 30 * time.Second}).Settings()}
		for i := range 2 {
			c.Checks = append(c.Checks, fold.Check{Revision: c.Revision, Check: &proto.Check{ID: proto.ID{0xc0, byte(i)},
				Type: proto.TypeCustomS2S, Operator: ">=", Score: 50}})
		}
	})
	for n, s := range w.sheets {
		w.counter++
		page := fold.Page{Revision: w.counter}
		for d := range pageDevices {
			page.Devices = append(page.Devices, proto.ID{0xd0, byte(n), byte(d)})
		}
		s.pages = append(s.pages, page)
	}
	w.pollAll(func(int, proto.ID) int { return 60 })
	w.finish()
	return w
}

// edit stores the next configuration.
func (w *holdWorld) edit(change func(*fold.Config)) {
	w.counter++
	last := len(w.configs) - 1
	next := w.configs[last]
	next.Revision, next.Checks = w.counter, slices.Clone(next.Checks)
	w.exempt = append(w.exempt, slices.Clone(w.exempt[last]))
	change(&next)
	all := w.exempt[last+1]
	next.Exempt = func(device proto.ID) (of []fold.Exemption) {
		for _, x := range all {
			if x.Device == device {
				of = append(of, x)
			}
		}
		return of
	}
	next.HasExemption = func(id proto.ID) bool {
		return slices.ContainsFunc(all, func(x fold.Exemption) bool { return x.ID == id })
	}
	w.configs = append(w.configs, next)
	for n := range w.sheets {
		w.send(n, &proto.Input{Cause: proto.CauseConfig, ConfigRevision: w.counter})
	}
}

func (w *holdWorld) editCheck() {
	w.edit(func(c *fold.Config) {
		i := w.pick(2, "check")
		k := *c.Checks[i].Check
		switch w.pick(4, "member") {
		case 0:
			k.Score = rapid.SampledFrom([]float64{40, 50, 70}).Draw(w.t, "score")
		case 1:
			k.Expiration = time.Duration(rapid.IntRange(0, 2).Draw(w.t, "expiration")) * 20 * time.Second
		case 2:
			k.Breaker = rapid.SampledFrom([]*proto.BreakerSettings{nil, {Off: new(true)}, {MaxHold: 10 * time.Second},
				{Share: new(0.0), Floor: new(0), Window: 20 * time.Second, MaxHold: 10 * time.Second}}).Draw(w.t, "breaker")
		default:
			k.Name += "." // decides nothing
		}
		c.Checks[i] = fold.Check{Revision: w.counter, Check: &k}
		w.keys[k.ID] = w.counter
	})
}

func (w *holdWorld) editExemptions() {
	w.edit(func(*fold.Config) {
		all := &w.exempt[len(w.exempt)-1]
		if n := len(*all); n > 0 && w.pick(2, "remove") == 0 {
			i := w.pick(n, "exemption")
			w.keys[(*all)[i].ID] = w.counter
			*all = slices.Delete(*all, i, i+1)
			return
		}
		x := &proto.Exemption{ID: proto.ID{0xe0, byte(len(w.exempt)), byte(len(w.exempt) >> 8)},
			Until:  w.now + proto.Millis(w.pick(40, "for"))*1000,
			Device: proto.ID{0xd0, byte(w.pick(fleetPages, "page")), byte(w.pick(pageDevices, "device"))}}
		if w.pick(2, "of one check") == 0 {
			x.Check = proto.ID{0xc0, byte(w.pick(2, "check"))}
		}
		w.keys[x.ID] = w.counter
		*all = append(*all, fold.Exemption{Revision: w.counter, Exemption: x})
	})
}

func (w *holdWorld) editOrganization() {
	w.edit(func(c *fold.Config) {
		o := *c.Organization
		switch w.pick(3, "member") {
		case 0:
			o.Observe = &proto.ObserveSwitch{Until: w.now + proto.Millis(w.pick(30, "for"))*1000}
		case 1:
			o.Observe = nil
		default:
			b := *o.Breaker
			b.Share = new(rapid.SampledFrom([]float64{0.1, 0.25, 0.5}).Draw(w.t, "share"))
			o.Breaker = &b
		}
		c.Organization = &o
		w.keys[topology.OrganizationID(proto.Account{})] = w.counter
	})
}

// changePage removes a device, or enrols a removed one.
func (w *holdWorld) changePage() {
	n := w.pick(fleetPages, "page")
	s := w.sheets[n]
	w.counter++
	id := proto.ID{0xd0, byte(n), byte(w.pick(pageDevices, "device"))}
	page := fold.Page{Revision: w.counter, Devices: slices.Clone(s.pages[len(s.pages)-1].Devices)}
	if i := slices.Index(page.Devices, id); i >= 0 {
		page.Devices = slices.Delete(page.Devices, i, i+1)
	} else {
		page.Devices = append(page.Devices, id)
	}
	s.pages = append(s.pages, page)
	w.send(n, &proto.Input{Cause: proto.CausePage, PageRevision: w.counter})
}

// poll is a tick of an API in a mood. Some pages are late: their poll comes with a later tick.
func (w *holdWorld) poll() {
	spread := func(n int, id proto.ID) int { return int(id[1])*7 + int(id[2])*5 + n }
	mood := []func(int, proto.ID) int{
		func(int, proto.ID) int { return 60 },
		func(int, proto.ID) int { return 60 },
		func(int, proto.ID) int { return 0 },
		func(int, proto.ID) int { return 100 },
		func(int, proto.ID) int { return rapid.IntRange(0, 100).Draw(w.t, "score") },
		func(_ int, id proto.ID) int { return []int{60, proto.NoScore}[id[2]%2] },
		func(n int, _ proto.ID) int { return []int{60, 60, 0}[n] },
		func(n int, id proto.ID) int { return []int{60, 60, 60 * int(id[2]%2)}[n] }, // one site, few enough
		func(n int, id proto.ID) int { return []int{60 * int(id[2]%2), 60, 60}[n] },
		func(n int, id proto.ID) int { return 60 - 60*max(0, 1-spread(n, id)%8) }, // a few
		func(n int, id proto.ID) int { return 60 - 60*(spread(int(w.tick), id)%8/7) },
		func(n int, id proto.ID) int { return 60 - 60*(spread(int(w.tick), id)%4/3) },
		nil,
	}
	w.now += proto.Millis(w.pick(5000, "passes"))
	w.pollAll(mood[w.pick(len(mood), "mood")])
}

// pollAll is a tick; without scores, every call fails.
func (w *holdWorld) pollAll(score func(page int, id proto.ID) int) {
	w.tick++
	for n, s := range w.sheets {
		if w.tick > 1 && w.pick(8, "is late") == 0 {
			continue
		}
		w.send(n, pollOf(w.tick, s.pages[len(s.pages)-1], n, score))
	}
}

func pollOf(tick uint64, page fold.Page, n int, score func(page int, id proto.ID) int) *proto.Input {
	in := &proto.Input{Cause: proto.CausePoll, Tick: tick, PageRevision: page.Revision, Poll: proto.Poll{Attempts: 1}}
	if score == nil {
		in.Poll.Error = proto.ReasonTimeout
		return in
	}
	for _, id := range page.Devices {
		o := proto.Observation{Device: id, Score: score(n, id)}
		if o.Score == proto.NoScore {
			o.Problem = proto.ReasonMissing
		}
		in.Observations = append(in.Observations, o)
	}
	return in
}

// pass lets time pass and a page be swept.
func (w *holdWorld) pass() {
	w.now += proto.Millis(rapid.IntRange(0, 8000).Draw(w.t, "passes"))
	w.send(w.pick(fleetPages, "swept"), &proto.Input{Cause: proto.CauseExpired})
}

// see lets an evaluator's views get on.
func (w *holdWorld) see() {
	k := w.workers[w.pick(2, "sees")]
	for n, s := range w.sheets {
		k.seen[n] = rapid.IntRange(k.seen[n], len(s.log)).Draw(w.t, "entries seen")
	}
	for id, all := range w.records {
		k.records[id] = rapid.IntRange(k.records[id], len(all)).Draw(w.t, "records seen")
	}
}

func (w *holdWorld) judge() {
	check := proto.ID{0xc0, byte(w.pick(2, "judged"))}
	k := w.workers[w.pick(2, "judges")]
	w.begin(w.judging(check), k)
}

func (w *holdWorld) judging(check proto.ID) message {
	return message{page: -1, once: true,
		do: func(ctx context.Context, k *worker) error { return w.judgeOne(ctx, k, check) }}
}

// judgeOne is a round of an evaluator's verdicts about one check.
func (w *holdWorld) judgeOne(ctx context.Context, k *worker, check proto.ID) error {
	var last heldRecord
	if n := k.records[check]; n > 0 {
		last = w.records[check][n-1]
	}
	if _, err := w.pauseHere(ctx); err != nil {
		return err
	}
	seen := slices.Clone(k.seen)
	c := judge.Case{Check: check, Last: last.hold, LastAt: last.at, Now: proto.At(k.Now()),
		Pages: judgedPages(w.overview(seen))}
	config := w.configs[k.view]
	for i := range config.Checks {
		if config.Checks[i].ID == check {
			c.Breaker = proto.BreakerOf(config.Checks[i].Check, config.Organization)
		}
	}
	next := c.Next()
	if next == nil {
		return nil
	}
	if _, err := w.pauseHere(ctx); err != nil {
		return err
	}
	fair := next.State != proto.HoldReleased || w.fair(check, next, seen, c.Breaker)
	w.record(check, last.revision, heldRecord{hold: next, fair: fair})
	_, err := w.pauseHere(ctx)
	return err
}

// overview is a view of the pages, from the headers.
func (w *holdWorld) overview(seen []int) (all []overview.Page) {
	for n, s := range w.sheets {
		if seen[n] == 0 {
			continue
		}
		h := nats.Header(s.log[seen[n]-1].entry.Headers(nil))
		summary, err := proto.ParseSummary(h.Get(proto.HeaderSummary))
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, overview.Page{PageRef: topology.PageRef{Page: topology.PageNumber(n)}, Summary: summary,
			Flips: h.Get(proto.HeaderFlips)})
	}
	return all
}

// record stores a record in place of the one with a revision, and has it handled.
func (w *holdWorld) record(check proto.ID, replaces uint64, r heldRecord) {
	all := w.records[check]
	if n := len(all); n > 0 && all[n-1].revision != replaces || n == 0 && replaces != 0 {
		return
	}
	w.counter++
	r.revision, r.at = w.counter, w.now
	w.records[check] = append(all, r)
	if r.hold.State != proto.HoldReleased && r.hold.Unfreed == 0 {
		return
	}
	if at := w.personsRelease(check); r.hold.Unfreed > 0 && at != r.hold.Freed {
		w.t.Fatalf("a release of %d is requested again, a person released at %d", r.hold.Freed-start, at-start)
	}
	w.queue = append(w.queue, message{page: -1, gone: func() bool { return w.newestRecord(check).revision != r.revision },
		do: func(ctx context.Context, _ *worker) error {
			if r.hold.State == proto.HoldReleased {
				if err := w.release(ctx, check, r); err != nil {
					return err
				}
			}
			if r.hold.Unfreed == 0 {
				return nil
			}
			person := heldRecord{revision: r.revision, hold: unfreed(r.hold), at: r.hold.Freed, fair: true}
			person.hold.By = "operator"
			return w.release(ctx, check, person)
		}})
}

func (w *holdWorld) newestRecord(check proto.ID) heldRecord {
	all := w.records[check]
	return all[len(all)-1]
}

// personsRelease returns the time at which a person's newest release was stored, or 0 if a person rejected a hold after
// it.
func (w *holdWorld) personsRelease(check proto.ID) (at proto.Millis) {
	for _, r := range w.records[check] {
		switch {
		case r.hold.State == proto.HoldReleased && r.hold.By != "":
			at = max(r.at, r.hold.PolledAt)
		case r.hold.State == proto.HoldRejected:
			at = 0
		}
	}
	return at
}

// release sends the inputs of a release, one at a time.
func (w *holdWorld) release(ctx context.Context, check proto.ID, r heldRecord) error {
	pages := map[topology.PageNumber]bool{}
	for n, s := range w.sheets {
		pages[topology.PageNumber(n)] = len(s.log) > 0
	}
	all := releaseInputs(topology.HoldRef{Check: check}, r.hold, r.at, "", pages)
	slices.SortFunc(all, func(a, b asked) int { return int(a.page.Page) - int(b.page.Page) })
	for i := range all {
		if _, err := w.pauseHere(ctx); err != nil {
			return err
		}
		w.queue = append(w.queue, message{page: int(all[i].page.Page), in: &all[i].input, at: w.now, release: &r})
	}
	if _, err := w.pauseHere(ctx); err != nil || w.pick(3, "acknowledgement is lost") == 0 {
		return errCrashed
	}
	return nil
}

// decide is a person's release or rejection of a hold.
func (w *holdWorld) decide() {
	check := proto.ID{0xc0, byte(w.pick(2, "decided"))}
	k := w.workers[w.pick(2, "shows")]
	n := k.records[check]
	if n == 0 {
		return
	}
	last := w.records[check][n-1]
	to := []proto.HoldState{proto.HoldReleased, proto.HoldRejected}[w.pick(2, "rejects")]
	next, ok := last.hold.Decide(to, "operator", "", proto.At(k.Now()))
	if ok {
		w.record(check, last.revision, heldRecord{hold: next, fair: true})
	}
}
