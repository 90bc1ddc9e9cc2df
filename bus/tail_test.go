package bus

import (
	"testing"
	"time"

	"plumbline.dev/bus/internal/tuning"
)

func TestFilters(t *testing.T) {
	for _, c := range []struct {
		filters []string
		want    string
	}{
		{nil, ">"},
		{[]string{"a.b"}, "a.b"},
		{[]string{"$KV.C.*.app.*", "$KV.C.*.group.*"}, "$KV.C.*.*.*"},
		{[]string{"posture.log.>", "posture.change.>"}, "posture.*.>"},
		{[]string{"a.b.c", "a.b"}, "a.b.>"},
		{[]string{"a.b", "a.b.c"}, "a.>"},
		{[]string{"a.>", "b.c"}, "*.>"},
		{[]string{"a.b", ">"}, ">"},
	} {
		if got := cover(c.filters); got != c.want {
			t.Errorf("%q are covered by %q, want %q", c.filters, got, c.want)
		}
	}
	for _, c := range []struct {
		filter, subject string
		want            bool
	}{
		{">", "a", true}, {"a", "a", true}, {"a", "b", false}, {"a.*", "a.b", true}, {"a.*", "a.b.c", false}, {"a.*.c", "a.b.c", true},
		{"a.*", "a", false}, {"a.>", "a.b.c", true}, {"a.>", "b.c", false}, {"a.b.c", "a.b", false}, {"*.>", "a.b", true},
	} {
		if got := matches(c.filter, c.subject); got != c.want {
			t.Errorf("%q matches %q: %v", c.filter, c.subject, got)
		}
	}
}

// A stream counts as another one at once if it was made at another time, and after a while if its end stays
// before what was read: a leader that was just elected may be behind for a moment.
func TestAStreamThatWasSetBackIsTold(t *testing.T) {
	setBack := tuning.Default().SetBack
	made, now := time.Unix(1, 0), time.Unix(100, 0)
	at := func(last uint64) Position { return Position{Last: last, Created: made} }
	var i incarnation
	for _, step := range []struct {
		after    time.Duration
		last     uint64
		replaced bool
		sound    bool
	}{
		{0, 12, false, true}, {time.Second, 13, false, true}, {time.Second, 11, false, false}, {setBack - 1, 11, false, false},
		{time.Second, 12, false, true}, {time.Second, 3, false, false}, {setBack, 11, true, false},
	} {
		now = now.Add(step.after)
		if got := i.replaced(at(step.last), 12, setBack, now); got != step.replaced || i.sound() != step.sound {
			t.Errorf("at %d: replaced %v, sound %v", step.last, got, i.sound())
		}
	}
	if i = (incarnation{}); i.replaced(at(3), 0, setBack, now) ||
		!i.replaced(Position{Last: 30, Created: made.Add(1)}, 3, setBack, now) {
		t.Error("a stream that was made anew is not told")
	}
}
