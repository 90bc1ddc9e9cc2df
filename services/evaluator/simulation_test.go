package evaluator

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
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
	w := newWorld(t, replicas)
	defer w.close()
	for range 10 * rapid.IntRange(1, 30).Draw(t, "tens of steps") {
		w.step()
	}
	for len(w.queue)+len(w.running) > 0 { // what is left is handled, in any order
		w.handle()
	}
	w.check()
}

var errCrashed = errors.New("crashed")

const start proto.Millis = 1_700_000_000_000

type message struct {
	in    *proto.Input
	at    proto.Millis
	again bool
}

type record struct {
	seq   uint64
	entry *proto.Entry
}

type worker struct {
	*evaluator
	skew proto.Millis
	view int // the configuration that its catalog shows
	w    *world
}

func (k *worker) Now() time.Time                         { return (k.w.now + k.skew).Time() }
func (k *worker) After(d time.Duration) <-chan time.Time { panic("not used") }

// running is an evaluation under way, stopped between two steps.
type running struct {
	worker *worker
	msg    message
	yield  func(struct{}) bool
	next   func() (struct{}, bool)
	stop   func()
	err    error
	// readAt is how many records it saw when it read the newest.
	readAt  int
	hasRead bool
}

type world struct {
	t        *rapid.T
	replicas bool
	now      proto.Millis
	counter  uint64 // of both buckets and the log: one counter will do
	pages    []fold.Page
	configs  []fold.Config
	keys     map[proto.ID]uint64 // newest revision of each check, and of the integration under the zero id
	log      []record
	evicted  int // how many of the records the log has lost; the state has them
	tick     uint64
	queue    []message
	workers  [2]*worker
	running  []*running
	follower foldtest.Follower
	behind   int // how many writes the replica that answers the next read has not seen
}

func newWorld(t *rapid.T, replicas bool) *world {
	w := &world{t: t, replicas: replicas, now: start, counter: 1, keys: map[proto.ID]uint64{},
		follower: foldtest.Follower{}, pages: []fold.Page{{Revision: 1}}, configs: []fold.Config{{Revision: 1, Exists: true}}}
	for i := range w.workers {
		w.workers[i] = &worker{w: w}
		w.restart(w.workers[i])
	}
	return w
}

func (w *world) close() {
	for _, r := range w.running {
		r.stop()
	}
}

func (w *world) restart(k *worker) {
	m, err := newMetrics(prometheus.NewRegistry(), func() map[proto.HoldState]int { return nil })
	if err != nil {
		w.t.Fatal(err)
	}
	k.evaluator = newEvaluator(w, k, m, 4)
	k.wait = func(context.Context, time.Duration) error { return nil }
}

// steps are the possible events; repeated ones are more likely.
var steps = slices.Concat(
	slices.Repeat([]func(*world){(*world).advance}, 32), slices.Repeat([]func(*world){(*world).take}, 12),
	slices.Repeat([]func(*world){(*world).poll, (*world).changePage}, 5),
	slices.Repeat([]func(*world){(*world).changeConfig}, 3), []func(*world){(*world).expire, (*world).catchUp,
		(*world).catchUp, (*world).evict, (*world).crash, (*world).crash, (*world).skew},
)

// pick is a number below n, each as likely as the other: rapid's own ranges favour the small ones.
func (w *world) pick(n int, what string) (v int) {
	for _, bit := range rapid.SliceOfN(rapid.Bool(), 8, 8).Draw(w.t, what) {
		v *= 2
		if bit {
			v++
		}
	}
	return v * n >> 8
}

// backlog is how much may be unhandled at a time: with more, most of it would be handled when all is over.
const backlog = 5

func (w *world) step() {
	if len(w.queue)+len(w.running) > backlog {
		w.handle()
		return
	}
	steps[w.pick(len(steps), "step")](w)
}

// handle takes a message, or lets an evaluation go on.
func (w *world) handle() {
	if len(w.queue) > 0 && (len(w.running) == 0 || w.pick(4, "take") == 0) {
		w.take()
	} else {
		w.advance()
	}
}

func (w *world) expire() {
	w.now += proto.Millis(rapid.IntRange(0, 8000).Draw(w.t, "passes"))
	w.send(&proto.Input{Cause: proto.CauseExpired})
}

func (w *world) catchUp() {
	k := w.workers[w.pick(2, "catches up")]
	k.view = rapid.IntRange(k.view, len(w.configs)-1).Draw(w.t, "to")
}

func (w *world) skew() {
	w.workers[w.pick(2, "clock of")].skew = proto.Millis(rapid.IntRange(-5000, 5000).Draw(w.t, "skew"))
}

// evict drops the log's entries, except for those stored since a running evaluation has read the log: no evaluator can
// work on a log that turns over within milliseconds.
func (w *world) evict() {
	upTo := len(w.log)
	for _, r := range w.running {
		if r.hasRead {
			upTo = min(upTo, r.readAt)
		}
	}
	w.evicted = max(w.evicted, upTo)
}

func (w *world) send(in *proto.Input) { w.queue = append(w.queue, message{in: in, at: w.now}) }

func (w *world) changePage() {
	w.counter++
	page := fold.Page{Revision: w.counter}
	if rapid.Bool().Draw(w.t, "as before") && len(w.pages) > 1 { // a removal that is taken back
		page.Devices = w.pages[len(w.pages)-2].Devices
	} else {
		for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(1, 5), 0, 4, rapid.ID).Draw(w.t, "devices") {
			page.Devices = append(page.Devices, proto.ID{0xd0, byte(n)})
		}
	}
	w.pages = append(w.pages, page)
	w.send(&proto.Input{Cause: proto.CausePage, PageRevision: w.counter})
}

func (w *world) changeConfig() {
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
	w.send(&proto.Input{Cause: proto.CauseConfig, ConfigRevision: w.counter})
}

// poll stores the result of a call for the current page or an earlier one: for a new tick, a late one, or a repeated
// one.
func (w *world) poll() {
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
	w.send(in)
}

// take hands any message of the queue to any evaluator.
func (w *world) take() {
	if len(w.queue) == 0 {
		return
	}
	i := w.pick(len(w.queue), "message")
	r := &running{worker: w.workers[w.pick(2, "evaluator")], msg: w.queue[i]}
	w.queue = slices.Delete(w.queue, i, i+1)
	r.next, r.stop = iter.Pull(func(yield func(struct{}) bool) {
		r.yield = yield
		ctx := context.WithValue(context.Background(), runningKey{}, r)
		_, r.err = r.worker.evaluate(ctx, topology.PageRef{}, r.msg.in, r.msg.at, r.msg.again)
	})
	w.running = append(w.running, r)
}

// advance lets one evaluation make its next step.
func (w *world) advance() {
	if len(w.running) == 0 {
		return
	}
	i := w.pick(len(w.running), "advances")
	r := w.running[i]
	if w.behind = 0; w.replicas {
		w.behind = rapid.IntRange(0, 1).Draw(w.t, "replica behind")
	}
	if _, more := r.next(); more {
		return
	}
	w.running = slices.Delete(w.running, i, i+1)
	if r.err != nil { // handed out again
		w.queue = append(w.queue, message{r.msg.in, r.msg.at, true})
	}
}

// crash stops an evaluator at any point; its unfinished messages are delivered again.
func (w *world) crash() {
	k := w.workers[w.pick(2, "crashes")]
	w.running = slices.DeleteFunc(w.running, func(r *running) bool {
		if r.worker == k {
			r.stop()
			w.queue = append(w.queue, message{r.msg.in, r.msg.at, true})
		}
		return r.worker == k
	})
	w.restart(k)
}

type runningKey struct{}

func (w *world) pauseHere(ctx context.Context) (*running, error) {
	r := ctx.Value(runningKey{}).(*running)
	if !r.yield(struct{}{}) {
		return nil, errCrashed
	}
	return r, nil
}

func (w *world) newest(ctx context.Context, _ topology.PageRef) (state, error) {
	r, err := w.pauseHere(ctx)
	if err != nil {
		return state{}, err
	}
	r.readAt, r.hasRead = 0, true
	if len(w.log) == 0 {
		return state{}, nil
	}
	last := max(0, len(w.log)-1-w.behind)
	if w.evicted == len(w.log) {
		last = len(w.log) - 1 // what the log has lost, every replica of the state has
	}
	r.readAt = last + 1
	st := state{entry: w.log[last].entry, seq: w.log[last].seq}
	if last >= w.evicted {
		st.expect = st.seq
	}
	return st, nil
}

func (w *world) page(ctx context.Context, _ topology.PageRef) (fold.Page, error) {
	if _, err := w.pauseHere(ctx); err != nil {
		return fold.Page{}, err
	}
	return w.pages[max(0, len(w.pages)-1-w.behind)], nil
}

func (w *world) config(ctx context.Context, _ topology.PageRef, least uint64) (fold.Config, error) {
	r, err := w.pauseHere(ctx)
	if err != nil {
		return fold.Config{}, err
	}
	for w.configs[r.worker.view].Revision < least {
		r.worker.view++
	}
	return w.configs[r.worker.view], nil
}

func (w *world) revision(ctx context.Context, _ proto.Account, _ topology.Kind, id proto.ID) (uint64, error) {
	_, err := w.pauseHere(ctx)
	return w.keys[id], err
}

func (w *world) commit(ctx context.Context, _ topology.PageRef, step *fold.Step, expect uint64) (uint64, error) {
	r, err := w.pauseHere(ctx)
	if err != nil {
		return 0, err
	}
	var prev *proto.Entry
	has := uint64(0)
	if n := len(w.log); n > 0 {
		prev = w.log[n-1].entry
		if n > w.evicted {
			has = w.log[n-1].seq
		}
	}
	if expect != has {
		return 0, bus.ErrConflict
	}
	w.counter++
	seq := w.counter
	w.verify(prev, step, r.msg)
	w.log = append(w.log, record{seq, step.Entry})
	if _, err := w.pauseHere(ctx); err != nil {
		return 0, err // stored, and nobody was told
	}
	return seq, nil
}

// verify holds a commit against the model and the follower.
func (w *world) verify(prev *proto.Entry, step *fold.Step, m message) {
	e := step.Entry
	if prev != nil &&
		(e.Tick < prev.Tick || e.PageRevision < prev.PageRevision || e.ConfigRevision < prev.ConfigRevision) {
		w.t.Fatalf("an entry of tick %d, page %d, config %d after %d, %d, %d", e.Tick, e.PageRevision, e.ConfigRevision,
			prev.Tick, prev.PageRevision, prev.ConfigRevision)
	}
	page := slices.IndexFunc(w.pages, func(p fold.Page) bool { return p.Revision == e.PageRevision })
	config := slices.IndexFunc(w.configs, func(c fold.Config) bool { return c.Revision == e.ConfigRevision })
	model, writes := foldtest.Read(prev).Apply(m.in,
		fold.Basis{Page: w.pages[page], Config: w.configs[config], StoredAt: m.at, Now: e.EvaluatedAt})
	if d := model.Differs(e); d != "" || !writes {
		w.t.Fatalf("an entry of a %s that the model does not make (it makes one: %t): %s\nbefore %+v\nentry  %+v", m.in.Cause,
			writes, d, prev, e)
	}
	if err := w.follower.Follow(step.Changes); err != nil {
		w.t.Fatal(err)
	}
	if want := foldtest.StateOf(e); !maps.Equal(w.follower, want) {
		w.t.Fatalf("the changes lead to %v, the entry says %v", w.follower, want)
	}
}

// check asserts the invariants after every message is handled.
func (w *world) check() {
	page, config := w.pages[len(w.pages)-1], w.configs[len(w.configs)-1]
	var entry *proto.Entry
	if len(w.log) > 0 {
		entry = w.log[len(w.log)-1].entry
	}
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
