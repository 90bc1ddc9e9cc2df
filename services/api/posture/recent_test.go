package posture

import (
	"testing"
	"time"
)

func TestRecentLines(t *testing.T) {
	r := newRecentLines()
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	key := func(seq int) recentKey { return recentKey{seq: uint64(seq)} } //nolint:gosec // small
	lines := func(n int) []*postureLine { return make([]*postureLine, n) }
	has := func(seq int, at time.Time) bool {
		_, found := r.get(key(seq), at)
		return found
	}
	if has(1, now) {
		t.Error("lines of a change that was never added")
	}
	r.add(key(1), lines(3), now)
	r.add(key(1), lines(3), now)
	if !has(1, now.Add(recentAge-1)) || has(1, now.Add(recentAge)) || has(2, now) || r.lines != 3 {
		t.Errorf("%d lines", r.lines)
	}
	// The outdated ones make room first.
	later := now.Add(recentAge)
	r.add(key(2), lines(maxRecent-3), later)
	r.add(key(3), lines(1), later)
	if has(1, now) || !has(2, later) || !has(3, later) || r.lines != maxRecent-2 {
		t.Errorf("%d lines", r.lines)
	}
	for seq := range 3 * maxRecent {
		r.add(key(seq), lines(1+seq%7), later)
		if r.lines > maxRecent {
			t.Fatalf("%d lines", r.lines)
		}
	}
	sum := 0
	for _, c := range r.changes {
		sum += len(c.lines)
	}
	if sum != r.lines || !has(3*maxRecent-1, later) {
		t.Errorf("%d lines are counted as %d", sum, r.lines)
	}
}
