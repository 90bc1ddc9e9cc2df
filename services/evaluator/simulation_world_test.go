package evaluator

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
	"plumbline.dev/services/evaluator/foldtest"
)

var errCrashed = errors.New("crashed")

const start proto.Millis = 1_700_000_000_000

// message is an input of a page, or other work of an evaluator; do is nil for an input.
type message struct {
	page  int
	in    *proto.Input
	at    proto.Millis
	again bool
	do    func(context.Context, *worker) error
	once  bool // it is not delivered again
	// gone reports whether the bucket has lost it to a later record; nil: never.
	gone func() bool
	// release is the record of an input of a release.
	release *heldRecord
}

type record struct {
	seq   uint64
	entry *proto.Entry
	as    *publication
}

// sheet is a page: its inventory record, oldest first, and its entries.
type sheet struct {
	pages    []fold.Page
	log      []record
	evicted  int // how many of the records the log has lost; the state has them
	tick     uint64
	follower foldtest.Follower
}

// last returns the page's newest entry, nil before the first.
func (s *sheet) last() *proto.Entry {
	if len(s.log) == 0 {
		return nil
	}
	return s.log[len(s.log)-1].entry
}

type worker struct {
	*evaluator
	skew proto.Millis
	view int // the configuration in its catalog
	w    *world
	// seen has, for each page, how many of its entries the overview shows; records the same of the holds of each check.
	seen    []int
	records map[proto.ID]int
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
	sheets   []*sheet
	configs  []fold.Config
	keys     map[proto.ID]uint64 // newest revision of each check, and of the integration under the zero id
	queue    []message
	workers  [2]*worker
	running  []*running
	behind   int // number of writes unknown to the replica of the next read
	// steps are the possible events; repeated ones are more likely. backlog is how much may be unhandled at a time: with
	// more, most of it would be handled when all is over. verify looks at each commit.
	steps   []func()
	backlog int
	verify  func(s *sheet, prev *proto.Entry, step *fold.Step, m message)
}

func newWorld(t *rapid.T, replicas bool, pages int) *world {
	w := &world{t: t, replicas: replicas, now: start, counter: 1, keys: map[proto.ID]uint64{},
		configs: []fold.Config{{Revision: 1, Exists: true}}}
	for range pages {
		w.sheets = append(w.sheets, &sheet{follower: foldtest.Follower{}, pages: []fold.Page{{Revision: 1}}})
	}
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
	k.evaluator = newEvaluator(w, k, m, signerForTests, 4)
	k.wait = func(context.Context, time.Duration) error { return nil }
	k.seen, k.records = make([]int, len(w.sheets)), map[proto.ID]int{}
	for i, s := range w.sheets {
		k.seen[i] = len(s.log)
	}
}

// run makes steps at random, and then handles the remaining inputs, in any order.
func (w *world) run(tensOfSteps int) {
	for range 10 * tensOfSteps {
		w.step()
	}
	w.finish()
}

func (w *world) finish() {
	for len(w.queue)+len(w.running) > 0 {
		w.handle()
	}
	w.verifySignatures()
}

// basisOf returns the page and the configuration used for an entry.
func (w *world) basisOf(s *sheet, e *proto.Entry) (fold.Page, fold.Config) {
	page := slices.IndexFunc(s.pages, func(p fold.Page) bool { return p.Revision == e.PageRevision })
	config := slices.IndexFunc(w.configs, func(c fold.Config) bool { return c.Revision == e.ConfigRevision })
	return s.pages[page], w.configs[config]
}

// neverOlder is invariant 5, and the same for the page and the configuration of an entry.
func (w *world) neverOlder(prev, e *proto.Entry) {
	if prev != nil &&
		(e.Tick < prev.Tick || e.PageRevision < prev.PageRevision || e.ConfigRevision < prev.ConfigRevision) {
		w.t.Fatalf("an entry of tick %d, page %d, config %d after %d, %d, %d", e.Tick, e.PageRevision, e.ConfigRevision,
			prev.Tick, prev.PageRevision, prev.ConfigRevision)
	}
}

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

func (w *world) step() {
	if len(w.queue)+len(w.running) > w.backlog {
		w.handle()
		return
	}
	w.steps[w.pick(len(w.steps), "step")]()
}

// handle takes a message, or lets an evaluation go on.
func (w *world) handle() {
	if len(w.queue) > 0 && (len(w.running) == 0 || w.pick(4, "take") == 0) {
		w.take()
	} else {
		w.advance()
	}
}

// take hands any message of the queue to any evaluator.
func (w *world) take() {
	if len(w.queue) == 0 {
		return
	}
	i := w.pick(len(w.queue), "message")
	m := w.queue[i]
	w.queue = slices.Delete(w.queue, i, i+1)
	if m.gone != nil && m.gone() {
		return
	}
	w.begin(m, w.workers[w.pick(2, "evaluator")])
}

// begin has an evaluator handle a message.
func (w *world) begin(m message, k *worker) {
	r := &running{worker: k, msg: m}
	r.next, r.stop = iter.Pull(func(yield func(struct{}) bool) {
		r.yield = yield
		ctx := context.WithValue(context.Background(), runningKey{}, r)
		if r.msg.do != nil {
			r.err = r.msg.do(ctx, r.worker)
			return
		}
		ref := topology.PageRef{Page: topology.PageNumber(r.msg.page)}
		_, r.err = r.worker.evaluate(ctx, ref, r.msg.in, r.msg.at, r.msg.again)
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
		w.redeliver(r.msg)
	}
}

func (w *world) redeliver(m message) {
	if m.once {
		return
	}
	m.again = true
	w.queue = append(w.queue, m)
}

// crash stops an evaluator at any point; its unfinished messages are delivered again.
func (w *world) crash() {
	k := w.workers[w.pick(2, "crashes")]
	w.running = slices.DeleteFunc(w.running, func(r *running) bool {
		if r.worker == k {
			r.stop()
			w.redeliver(r.msg)
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

func (w *world) newest(ctx context.Context, p topology.PageRef) (state, error) {
	r, err := w.pauseHere(ctx)
	if err != nil {
		return state{}, err
	}
	s := w.sheets[p.Page]
	r.readAt, r.hasRead = 0, true
	if len(s.log) == 0 {
		return state{}, nil
	}
	last := max(0, len(s.log)-1-w.behind)
	if s.evicted == len(s.log) {
		last = len(s.log) - 1 // what the log has lost, every replica of the state has
	}
	r.readAt = last + 1
	st := state{entry: s.log[last].entry, seq: s.log[last].seq, digest: s.log[last].as.digest}
	if last >= s.evicted {
		st.expect = st.seq
	}
	return st, nil
}

func (w *world) page(ctx context.Context, p topology.PageRef) (fold.Page, error) {
	if _, err := w.pauseHere(ctx); err != nil {
		return fold.Page{}, err
	}
	s := w.sheets[p.Page]
	return s.pages[max(0, len(s.pages)-1-w.behind)], nil
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

func (w *world) commit(ctx context.Context, p topology.PageRef, step *fold.Step, as *publication,
	expect uint64) (uint64, error) {
	r, err := w.pauseHere(ctx)
	if err != nil {
		return 0, err
	}
	s, has := w.sheets[p.Page], uint64(0)
	if n := len(s.log); n > s.evicted {
		has = s.log[n-1].seq
	}
	if expect != has {
		return 0, bus.ErrConflict
	}
	w.counter++
	seq := w.counter
	w.verify(s, s.last(), step, r.msg)
	s.log = append(s.log, record{seq, step.Entry, as})
	if _, err := w.pauseHere(ctx); err != nil {
		return 0, err // stored, and nobody was told
	}
	return seq, nil
}

// follow holds the changes of a commit against its entry.
func (s *sheet) follow(t *rapid.T, step *fold.Step) {
	if err := s.follower.Follow(step.Changes); err != nil {
		t.Fatal(err)
	}
	if want := foldtest.StateOf(step.Entry); !maps.Equal(s.follower, want) {
		t.Fatalf("the changes lead to %v, the entry says %v", s.follower, want)
	}
}

// evict drops a page's entries from the log, except for those stored since a running evaluation has read the log: no
// evaluator can work on a log turning over within milliseconds.
func (w *world) evict() {
	n := w.pick(len(w.sheets), "loses entries")
	s := w.sheets[n]
	upTo := len(s.log)
	for _, r := range w.running {
		if r.hasRead && r.msg.page == n {
			upTo = min(upTo, r.readAt)
		}
	}
	s.evicted = max(s.evicted, upTo)
}

func (w *world) catchUp() {
	k := w.workers[w.pick(2, "catches up")]
	k.view = rapid.IntRange(k.view, len(w.configs)-1).Draw(w.t, "to")
}

func (w *world) skew() {
	w.workers[w.pick(2, "clock of")].skew = proto.Millis(rapid.IntRange(-5000, 5000).Draw(w.t, "skew"))
}

func (w *world) send(page int, in *proto.Input) {
	w.queue = append(w.queue, message{page: page, in: in, at: w.now})
}
