package keys

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
)

// event is one write to the bucket.
type event struct {
	number  uint64 // of a key, 0 for the rotation
	created time.Time
	deleted bool
	record  *proto.KeyRotation
}

// store is the bucket: all records ever written, in order. Revisions count from 1.
type store struct{ all []event }

// newest is the last write of a key, or of the rotation, and its revision.
func (b *store) newest(number uint64) (event, uint64) {
	for n, e := range slices.Backward(b.all) {
		if e.number == number {
			return e, uint64(n) + 1
		}
	}
	return event{}, 0
}

var errConflict = errors.New("conflict")

func (b *store) do(s *state, todo step, now time.Time) error {
	switch {
	case todo.create != 0:
		if old, revision := b.newest(todo.create); revision != 0 && !old.deleted {
			return errConflict
		}
		b.all = append(b.all, event{number: todo.create, created: now})
	case todo.write != nil:
		if _, revision := b.newest(0); revision != s.rotationRevision {
			return errConflict
		}
		b.all = append(b.all, event{record: todo.write})
	case todo.remove != 0:
		if _, revision := b.newest(todo.remove); revision != s.members[todo.remove].revision {
			return errConflict
		}
		b.all = append(b.all, event{number: todo.remove, deleted: true})
	}
	return nil
}

// replica is a key set with a lagging view, a wrong clock, and delayed steps.
type replica struct {
	skew      time.Duration
	state     *state
	confirmed time.Time
	asked     time.Time // of the confirmation under way
	head      uint64
	seen      *state // the base of the last plan
	planned   step
	at        time.Time // of the plan
}

// late is the longest time from a plan to its step: an unanswered write is given up.
const late = 20 * time.Second

func (r *replica) apply(b *store, to int, now time.Time) {
	for n := int(r.state.revision); n < to; n++ {
		e, revision := b.all[n], uint64(n)+1
		switch {
		case e.number == 0:
			r.state = r.state.rotated(e.record, revision)
		case e.deleted:
			r.state = r.state.without(e.number, revision)
		default:
			r.state = r.state.with(&member{number: e.number, revision: revision, created: e.created, arrived: now})
		}
	}
}

// signs is the signing key of the replica at a moment, by its own clock; 0 for none.
func (r *replica) signs(now time.Time) uint64 {
	since := now.Sub(r.confirmed)
	if r.confirmed.IsZero() || since <= -time.Second || since >= Trust || r.state.rotation == nil ||
		r.state.members[r.state.rotation.Current] == nil {
		return 0
	}
	return r.state.rotation.Current
}

// For any order of steps, lag of views, delay before a step, and clocks differing by minutes: every replica that serves
// keys serves the key that another replica signs with, and a key is published for a week after its last signature.
func TestNobodyServesKeysWithoutTheOneThatAnotherSignsWith(t *testing.T) {
	rotations := 0
	// A hundred histories, as rapid draws unless it is told otherwise, do not meet the rare ones.
	for range 100 {
		rapid.Check(t, func(t *rapid.T) { history(t, &rotations) })
	}
	if rotations == 0 {
		t.Error("nothing was ever rotated")
	}
}

func history(t *rapid.T, rotations *int) {
	var b store
	now := time.UnixMilli(1_800_000_000_000)
	replicas := make([]*replica, rapid.IntRange(2, 4).Draw(t, "replicas"))
	for i := range replicas {
		replicas[i] = &replica{state: newState(),
			skew: time.Duration(rapid.Int64Range(-240, 240).Draw(t, "skew")) * time.Second}
	}
	signed := map[uint64]time.Time{}
	some := func(t *rapid.T) (*replica, time.Time) {
		r := rapid.SampledFrom(replicas).Draw(t, "replica")
		return r, now.Add(r.skew)
	}
	confirm := func(r *replica, own time.Time) {
		r.apply(&b, len(b.all), own)
		r.confirmed = own
	}
	execute := func(r *replica, own time.Time) {
		before, _ := b.newest(0)
		todo := r.planned
		r.planned = step{}
		if todo.none() || own.Sub(r.at) > late || b.do(r.seen, todo, own) != nil {
			return
		}
		if last, ok := signed[todo.remove]; ok {
			if ago := now.Sub(last); ago < Accepted-skew {
				t.Fatalf("key %d, which signed %v ago, is deleted", todo.remove, ago)
			}
		}
		if w := todo.write; w != nil && before.record != nil && w.Current != before.record.Current {
			if w.Current != before.record.Current+1 {
				t.Fatalf("after key %d comes %d", before.record.Current, w.Current)
			}
			*rotations++
		}
	}
	tend := func(r *replica, times int) {
		for range times {
			own := now.Add(r.skew)
			confirm(r, own)
			r.seen, r.at = r.state, own
			r.planned, _ = plan(r.state, own)
			execute(r, own)
		}
	}
	t.Repeat(map[string]func(*rapid.T){
		"a replica does what is due": func(t *rapid.T) {
			r, _ := some(t)
			tend(r, rapid.IntRange(1, 3).Draw(t, "times"))
		},
		"a replica rotates at once": func(t *rapid.T) {
			r, own := some(t)
			confirm(r, own)
			if r.state.rotation != nil {
				write, _ := carryOut(&proto.KeysCommand{Rotate: true}, r.state, own, false)
				r.seen, r.at, r.planned = r.state, own, step{write: write}
				execute(r, own)
			}
		},
		"time passes": func(t *rapid.T) {
			now = now.Add(time.Duration(rapid.SampledFrom([]int64{1, 5, 19, 21, 41, 61, 700, 86_400, 7 * 86_400,
				43 * 86_400}).Draw(t, "seconds")) * time.Second)
		},
		"a view catches up a little": func(t *rapid.T) {
			r, own := some(t)
			if lag := len(b.all) - int(r.state.revision); lag > 0 {
				r.apply(&b, int(r.state.revision)+rapid.IntRange(1, lag).Draw(t, "updates"), own)
			}
		},
		"a replica asks how far the bucket is": func(t *rapid.T) {
			r, own := some(t)
			r.asked, r.head = own, uint64(len(b.all))
		},
		"and gets there": func(t *rapid.T) {
			r, _ := some(t)
			if !r.asked.IsZero() && r.state.revision >= r.head {
				r.confirmed = r.asked
			}
		},
		"a replica is certain and plans": func(t *rapid.T) {
			r, own := some(t)
			confirm(r, own)
			r.seen, r.at = r.state, own
			r.planned, _ = plan(r.state, own)
		},
		"a replica gets a command": func(t *rapid.T) {
			r, own := some(t)
			confirm(r, own)
			if r.state.rotation != nil {
				q := &proto.KeysCommand{Rotate: rapid.Bool().Draw(t, "rotate"),
					IntervalDays: rapid.SampledFrom([]int{0, 21, 365}).Draw(t, "days")}
				write, _ := carryOut(q, r.state, own, false)
				r.seen, r.at, r.planned = r.state, own, step{write: write}
			}
		},
		"what was planned is done": func(t *rapid.T) { r, own := some(t); execute(r, own) },
		"everybody does what is due": func(t *rapid.T) {
			for _, r := range replicas {
				tend(r, 3)
			}
		},
		"a replica starts again": func(t *rapid.T) {
			r, _ := some(t)
			*r = replica{skew: r.skew, state: newState()}
		},
		"": func(t *rapid.T) {
			for i, signer := range replicas {
				key := signer.signs(now.Add(signer.skew))
				if key == 0 {
					continue
				}
				signed[key] = now
				for j, server := range replicas {
					if server.signs(now.Add(server.skew)) != 0 && !slices.Contains(server.state.published(), key) {
						t.Fatalf("replica %d signs with key %d, replica %d serves %v", i, key, j, server.state.published())
					}
				}
			}
		},
	})
}

// stateOf is a state with keys of some ages.
func stateOf(now time.Time, r *proto.KeyRotation, ages map[uint64]time.Duration) *state {
	s := newState()
	for n, age := range ages {
		s = s.with(&member{number: n, revision: n, created: now.Add(-age), arrived: now.Add(-age)})
	}
	if r != nil {
		s = s.rotated(r, 100)
	}
	return s
}

func TestPlan(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	ago := func(d time.Duration) proto.Millis { return proto.At(now.Add(-d)) }
	rotation := func(change func(*proto.KeyRotation)) *proto.KeyRotation {
		r := &proto.KeyRotation{Current: 5, Since: ago(10 * day), IntervalDays: 42}
		change(r)
		return r
	}
	as := rotation(func(*proto.KeyRotation) {})
	old := 41 * day
	for _, c := range []struct {
		name     string
		rotation *proto.KeyRotation
		ages     map[uint64]time.Duration
		want     string
		wake     time.Duration
	}{
		{"nothing is there", nil, nil, "make 1", 0},
		{"an installation from before", nil, map[uint64]time.Duration{1: 50 * day}, fmt.Sprintf("write 1 since %d every 42, previous []", ago(50*day)), 0},
		{"the record was lost", nil, map[uint64]time.Duration{3: old, 4: old, 2: 50 * day}, fmt.Sprintf("write 2 since %d every 42, previous []", ago(50*day)), 0},
		{"no next key", as, map[uint64]time.Duration{5: old}, "make 6", 0},
		{"all is well", as, map[uint64]time.Duration{5: old, 6: 10 * day}, "", 32 * day},
		{"its time has come", rotation(func(r *proto.KeyRotation) { r.Since = ago(42 * day) }), map[uint64]time.Duration{5: old, 6: old},
			fmt.Sprintf("write 6 since %d every 42, previous [5]", proto.At(now)), 0},
		{"its time has come, the next key is young", rotation(func(r *proto.KeyRotation) { r.Since = ago(50 * day) }), map[uint64]time.Duration{5: old, 6: time.Hour},
			"", 23 * time.Hour},
		{"wanted", rotation(func(r *proto.KeyRotation) { r.Wanted = true }), map[uint64]time.Duration{5: old, 6: Lead},
			fmt.Sprintf("write 6 since %d every 42, previous [5]", proto.At(now)), 0},
		{"wanted too early", rotation(func(r *proto.KeyRotation) { r.Wanted = true }), map[uint64]time.Duration{5: old, 6: Lead - time.Second}, "", time.Second},
		{"the key that signs is lost", as, map[uint64]time.Duration{6: old}, fmt.Sprintf("write 6 since %d every 42, previous []", proto.At(now)), 0},
		{"a previous key", rotation(func(r *proto.KeyRotation) {
			r.Previous = []proto.RetiringKey{{Number: 4, Until: proto.At(now.Add(time.Hour))}}
		}), map[uint64]time.Duration{4: old, 5: old, 6: old}, "", time.Hour},
		{"its week is over", rotation(func(r *proto.KeyRotation) {
			r.Previous = []proto.RetiringKey{{Number: 3, Until: proto.At(now)}, {Number: 4, Until: proto.At(now) + 1}}
		}), map[uint64]time.Duration{3: old, 4: old, 5: old, 6: old},
			fmt.Sprintf("write 5 since %d every 42, previous [4]", ago(10*day)), 0},
		{"one that nothing names", as, map[uint64]time.Duration{4: old, 5: old, 6: old}, "remove 4", 0},
		{"rotation drops what is over", rotation(func(r *proto.KeyRotation) {
			r.Since, r.Previous = ago(42*day),
				[]proto.RetiringKey{{Number: 3, Until: proto.At(now)}, {Number: 4, Until: proto.At(now) + 1}}
		}), map[uint64]time.Duration{3: old, 4: old, 5: old, 6: old},
			fmt.Sprintf("write 6 since %d every 42, previous [4 5]", proto.At(now)), 0},
	} {
		todo, wake := plan(stateOf(now, c.rotation, c.ages), now)
		got := ""
		switch {
		case todo.create != 0:
			got = fmt.Sprintf("make %d", todo.create)
		case todo.write != nil:
			var previous []uint64
			for _, p := range todo.write.Previous {
				previous = append(previous, p.Number)
			}
			got = fmt.Sprintf("write %d since %d every %d, previous %v", todo.write.Current, todo.write.Since,
				todo.write.IntervalDays, previous)
			if todo.write.Wanted {
				got += ", wanted"
			}
		case todo.remove != 0:
			got = fmt.Sprintf("remove %d", todo.remove)
		}
		if got != c.want || wake.Sub(now) != c.wake {
			t.Errorf("%s: %q, look again in %v; want %q, %v", c.name, got, wake.Sub(now), c.want, c.wake)
		}
	}
}

// A key created long ago according to another replica is usable at once; a key old enough only by this replica's clock
// is not.
func TestUsable(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	for _, c := range []struct {
		seen, made time.Duration // ago
		in         time.Duration
	}{
		{0, 0, Lead}, {Lead, 0, 0}, {0, Lead, Lead}, {0, Lead + skew, 0}, {30 * time.Second, 10 * time.Minute, 30 * time.Second},
	} {
		m := &member{arrived: now.Add(-c.seen), created: now.Add(-c.made)}
		if in := usable(m, now).Sub(now); in != c.in {
			t.Errorf("seen %v ago, made %v ago: usable in %v, want %v", c.seen, c.made, in, c.in)
		}
	}
}

func TestPublished(t *testing.T) {
	now := time.Now()
	s := stateOf(now, &proto.KeyRotation{Current: 5, Previous: []proto.RetiringKey{{Number: 2}, {Number: 4}}},
		map[uint64]time.Duration{1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0, 7: 0})
	if got := s.published(); !slices.Equal(got, []uint64{5, 7, 6, 4, 2}) {
		t.Errorf("%v", got)
	}
}

func TestCommands(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	r := &proto.KeyRotation{Current: 5, Since: proto.At(now.Add(-10 * day)), IntervalDays: 42}
	old, young := stateOf(now, r, map[uint64]time.Duration{5: 50 * day, 6: 10 * day}),
		stateOf(now, r, map[uint64]time.Duration{5: 50 * day, 6: time.Second})
	busy := *r
	for n := range uint64(maxPrevious) {
		busy.Previous = append(busy.Previous, proto.RetiringKey{Number: 100 + n, Until: proto.At(now) + 1})
	}
	full := stateOf(now, &busy, map[uint64]time.Duration{5: 50 * day, 6: 10 * day})
	for _, c := range []struct {
		name    string
		q       proto.KeysCommand
		s       *state
		rotated bool
		refused string
		want    *proto.KeyRotation
	}{
		{"a question", proto.KeysCommand{}, old, false, "", nil},
		{"the interval that it is", proto.KeysCommand{IntervalDays: 42}, old, false, "", nil},
		{"shortest interval", proto.KeysCommand{IntervalDays: 21}, old, false, "", &proto.KeyRotation{Current: 5, Since: r.Since, IntervalDays: 21}},
		{"longest interval", proto.KeysCommand{IntervalDays: 365}, old, false, "", &proto.KeyRotation{Current: 5, Since: r.Since, IntervalDays: 365}},
		{"too short", proto.KeysCommand{IntervalDays: 20, Rotate: true}, old, false, CodeInterval, nil},
		{"too long", proto.KeysCommand{IntervalDays: 366}, old, false, CodeInterval, nil},
		{"negative", proto.KeysCommand{IntervalDays: -42}, old, false, CodeInterval, nil},
		{"rotate", proto.KeysCommand{Rotate: true}, old, false, "",
			&proto.KeyRotation{Current: 6, Since: proto.At(now), IntervalDays: 42,
				Previous: []proto.RetiringKey{{Number: 5, Until: proto.At(now.Add(Accepted))}}}},
		{"rotate and interval", proto.KeysCommand{Rotate: true, IntervalDays: 30}, old, false, "",
			&proto.KeyRotation{Current: 6, Since: proto.At(now), IntervalDays: 30,
				Previous: []proto.RetiringKey{{Number: 5, Until: proto.At(now.Add(Accepted))}}}},
		{"rotate too early", proto.KeysCommand{Rotate: true}, young, false, "", &proto.KeyRotation{Current: 5, Since: r.Since, IntervalDays: 42, Wanted: true}},
		{"rotated by another meanwhile", proto.KeysCommand{Rotate: true}, old, true, "", nil},
		{"too often", proto.KeysCommand{Rotate: true}, full, false, CodeRotations, nil},
	} {
		got, refusal := carryOut(&c.q, c.s, now, c.rotated)
		code := ""
		if refusal != nil {
			code = refusal.Code
		}
		if code != c.refused || (got == nil) != (c.want == nil) ||
			(got != nil && fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", *c.want)) {
			t.Errorf("%s: %+v, %q", c.name, got, code)
		}
	}
}
