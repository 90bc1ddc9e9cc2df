package evaluator

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
	"plumbline.dev/services/evaluator/foldtest"
)

// The simulation runs two evaluators over one page, each with several concurrent evaluations. Every read and every
// commit is a step of its own. rapid chooses the next step, the message to deliver, the crashes, and the lag of each
// view. The evaluators are the real ones; only the bus is simulated.
//
// Every commit is held against the plain model, a follower folds every change, and once everything was
// handled the state must be that of the newest page and the newest checks.

// Invariants 4 and 5.
func TestTwoEvaluators(t *testing.T) { rapid.Check(t, func(t *rapid.T) { simulate(t, false) }) }

func FuzzTwoEvaluators(f *testing.F) { f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) { simulate(t, false) })) }

// Reads of replicas may be old: then a page may have to wait for its next poll to be right, but no entry is
// made from a wrong one.
func TestTwoEvaluatorsOverReplicas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { simulate(t, true) })
}

func simulate(t *rapid.T, replicas bool) {
	w := newPlainWorld(t, replicas)
	defer w.close()
	w.world.run(rapid.IntRange(1, 30).Draw(t, "tens of steps"))
	w.check()
}

// plainWorld is a page of a few devices, too few for a breaker.
type plainWorld struct {
	*world
	*sheet
}

func newPlainWorld(t *rapid.T, replicas bool) *plainWorld {
	w := &plainWorld{world: newWorld(t, replicas, 1)}
	w.sheet = w.sheets[0]
	w.backlog, w.verify = 5, w.verifyModel
	w.steps = slices.Concat(
		slices.Repeat([]func(){w.advance}, 32), slices.Repeat([]func(){w.take}, 12),
		slices.Repeat([]func(){w.poll, w.changePage}, 5), slices.Repeat([]func(){w.changeConfig}, 3),
		[]func(){w.expire, w.catchUp, w.catchUp, w.evict, w.crash, w.crash, w.world.skew})
	return w
}

func (w *plainWorld) expire() {
	w.now += proto.Millis(rapid.IntRange(0, 8000).Draw(w.t, "passes"))
	w.send(0, &proto.Input{Cause: proto.CauseExpired})
}

func (w *plainWorld) changePage() {
	w.counter++
	page := fold.Page{Revision: w.counter}
	if rapid.Bool().Draw(w.t, "as before") && len(w.pages) > 1 { // a withdrawn removal
		page.Devices = w.pages[len(w.pages)-2].Devices
	} else {
		for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(1, 5), 0, 4, rapid.ID).Draw(w.t, "devices") {
			page.Devices = append(page.Devices, proto.ID{0xd0, byte(n)})
		}
	}
	w.pages = append(w.pages, page)
	w.send(0, &proto.Input{Cause: proto.CausePage, PageRevision: w.counter})
}

func (w *plainWorld) changeConfig() {
	old := w.configs[len(w.configs)-1]
	if !old.Exists {
		return
	}
	w.counter++
	next := fold.Config{Revision: w.counter, Exists: true, Checks: slices.Clone(old.Checks)}
	if w.pick(60, "remove the integration") == 59 {
		next = fold.Config{Revision: w.counter}
		w.keys[proto.ID{}] = w.counter
	} else {
		id := proto.ID{0xc0, byte(rapid.IntRange(1, 3).Draw(w.t, "check"))}
		w.keys[id] = w.counter
		next.Checks = slices.DeleteFunc(next.Checks, func(c fold.Check) bool { return c.ID == id })
		if rapid.IntRange(0, 2).Draw(w.t, "remove") > 0 {
			next.Checks = append(next.Checks, fold.Check{Revision: w.counter, Check: &proto.Check{
				ID: id, Type: rapid.SampledFrom([]string{proto.TypeCustomS2S, proto.TypeCustomS2S, proto.TypeCustomS2S,
					"intune"}).Draw(w.t, "type"),
				Operator:   rapid.SampledFrom([]proto.Operator{"<", ">=", "=="}).Draw(w.t, "operator"),
				Score:      rapid.SampledFrom([]float64{0, 50, 50.5, 100}).Draw(w.t, "score"),
				Expiration: time.Duration(rapid.IntRange(0, 2).Draw(w.t, "expiration")) * 6 * time.Second,
			}})
		}
	}
	w.configs = append(w.configs, next)
	w.send(0, &proto.Input{Cause: proto.CauseConfig, ConfigRevision: w.counter})
}

// poll stores the result of a call for the current page or an earlier one: for a new tick, a late one, or a repeated
// one.
func (w *plainWorld) poll() {
	page := w.pages[rapid.IntRange(max(0, len(w.pages)-3), len(w.pages)-1).Draw(w.t, "asked")]
	in := &proto.Input{Cause: proto.CausePoll, Tick: max(1, w.tick+uint64(rapid.IntRange(0, 3).Draw(w.t, "tick"))) - 1,
		PageRevision: page.Revision, Poll: proto.Poll{Attempts: 1}}
	w.tick = max(w.tick, in.Tick)
	if rapid.IntRange(0, 4).Draw(w.t, "fails") == 0 {
		in.Poll.Error = proto.ReasonTimeout
	} else {
		for _, id := range page.Devices {
			o := proto.Observation{Device: id, Score: rapid.SampledFrom([]int{0, 49, 50, 51, 100}).Draw(w.t, "score")}
			if rapid.IntRange(0, 4).Draw(w.t, "missing") == 0 {
				o.Score, o.Problem = proto.NoScore, proto.ReasonMissing
			}
			in.Observations = append(in.Observations, o)
		}
	}
	w.send(0, in)
}

// verifyModel holds a commit against the model and the follower.
func (w *plainWorld) verifyModel(_ *sheet, prev *proto.Entry, step *fold.Step, m message) {
	e := step.Entry
	w.neverOlder(prev, e)
	page, config := w.basisOf(w.sheet, e)
	model, writes := foldtest.Read(prev).Apply(m.in,
		fold.Basis{Page: page, Config: config, StoredAt: m.at, Now: e.EvaluatedAt})
	if d := model.Differs(e); d != "" || !writes {
		w.t.Fatalf("an entry of a %s that the model does not make (it makes one: %t): %s\nbefore %+v\nentry  %+v", m.in.Cause,
			writes, d, prev, e)
	}
	w.follow(w.t, step)
}

// check asserts the invariants after every message is handled.
func (w *plainWorld) check() {
	page, config := w.pages[len(w.pages)-1], w.configs[len(w.configs)-1]
	entry := w.sheet.last()
	if config.Exists && w.tick > 0 && (entry == nil || entry.Tick != w.tick) {
		w.t.Fatalf("tick %d was polled, the entry is %+v", w.tick, entry)
	}
	if w.replicas || entry == nil && len(page.Devices) == 0 {
		return
	}
	if entry == nil {
		if config.Exists {
			w.t.Fatalf("there is no entry of %d devices", len(page.Devices))
		}
		return
	}
	step := fold.Next(entry, &proto.Input{Cause: proto.CausePage},
		fold.Basis{Page: page, Config: config, Now: entry.EvaluatedAt})
	if step.Reason != fold.Unchanged {
		w.t.Fatalf("everything was handled, and yet the entry\n%+v\nwould become\n%+v", entry, step.Entry)
	}
}
