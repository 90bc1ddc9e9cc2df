package demo

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
	"plumbline.dev/services/plumb/client"
)

func poll(tick uint64, done, pages int) *client.Poll {
	return &client.Poll{Tick: tick, DonePages: done, Pages: pages}
}

func busy(p *client.Poll) *client.Poll { p.Pending = 1; return p }

func TestWhatIsShownOfPolls(t *testing.T) {
	for name, c := range map[string]struct {
		status []*client.Poll
		want   string
	}{
		"none yet":              {[]*client.Poll{nil, nil}, ""},
		"at once":               {[]*client.Poll{poll(1, 3, 3), poll(1, 3, 3)}, "1:3!"},
		"page by page":          {[]*client.Poll{poll(1, 0, 3), poll(1, 0, 3), poll(1, 2, 3), poll(1, 3, 3), poll(2, 1, 3)}, "1:0 1:2 1:3! 2:1"},
		"overtaken":             {[]*client.Poll{poll(1, 2, 3), poll(2, 3, 3)}, "1:2 1:2! 2:3!"},
		"skipped":               {[]*client.Poll{poll(1, 3, 3), poll(9, 3, 3)}, "1:3! 9:3!"},
		"an older answer":       {[]*client.Poll{poll(2, 3, 3), poll(1, 3, 3), poll(3, 3, 3)}, "2:3! 3:3!"},
		"a page was added":      {[]*client.Poll{poll(1, 3, 3), poll(1, 3, 4), poll(2, 4, 4)}, "1:3! 2:4!"},
		"a page was not asked":  {[]*client.Poll{poll(1, 2, 3), poll(1, 2, 3), poll(1, 2, 3), poll(1, 2, 3)}, "1:2 1:2!"},
		"a page takes its time": {[]*client.Poll{poll(1, 2, 3), busy(poll(1, 2, 3)), busy(poll(1, 2, 3)), busy(poll(1, 2, 3)), poll(1, 3, 3)}, "1:2 1:3!"},
		"without any device":    {[]*client.Poll{poll(1, 0, 0), poll(1, 0, 0), poll(2, 0, 0)}, "1:0 1:0! 2:0"},
	} {
		t.Run(name, func(t *testing.T) {
			tr := tracker{settle: 2 * time.Second}
			var got []string
			for second, p := range c.status {
				for _, s := range tr.next(p, time.Unix(int64(second), 0)) {
					got = append(got, fmt.Sprintf("%d:%d%s", s.poll.Tick, s.poll.DonePages, map[bool]string{true: "!"}[s.last]))
				}
			}
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("shown %q, want %q", text, c.want)
			}
		})
	}
}

// However the status is read, each poll is shown for the last time once, in order, and never after that.
func TestEachPollEndsOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := tracker{settle: time.Second}
		at := time.Unix(0, 0)
		var ended []uint64
		tick, done := uint64(1), 0
		for range rapid.IntRange(1, 50).Draw(t, "readings") {
			if rapid.Bool().Draw(t, "next") {
				tick, done = tick+uint64(rapid.IntRange(1, 3).Draw(t, "ticks")), 0
			}
			done = min(done+rapid.IntRange(0, 2).Draw(t, "pages"), 3)
			at = at.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "seconds")) * time.Second)
			p := poll(tick, done, 3)
			p.Pending = rapid.IntRange(0, 1).Draw(t, "pending")
			for _, s := range tr.next(p, at) {
				if slices.Contains(ended, s.poll.Tick) {
					t.Fatalf("poll %d was shown after its end", s.poll.Tick)
				}
				if s.last {
					ended = append(ended, s.poll.Tick)
				}
			}
		}
		if !slices.IsSorted(ended) {
			t.Fatalf("ends %v", ended)
		}
	})
}

func TestLine(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	for want, p := range map[string]client.Poll{
		"03:04:05  poll 7: 3 pages, 2,500 devices: 4,000 pass, 990 fail, 10 unknown, 1,234,567 changed, in 1.25s": {Tick: 7, At: &at,
			Pages: 3, DonePages: 3, Devices: 2500, Pass: 4000, Fail: 990, Unknown: 10, Changed: 1234567, TookMS: 1250},
		"poll 8: 0 of 1 page, 1 devices: 0 pass, 0 fail, 2 unknown, 0 changed, in 0s (timeout)": {Tick: 8, Pages: 1, Devices: 1, Unknown: 2, Error: "timeout"},
		"poll 9: 1 page, 20 devices: 20 pass, 0 fail, 0 unknown, 0 changed, in 0s; not by the score: 12 held, 1 in grace, " +
			"2 exempt, 3 observe only": {Tick: 9, Pages: 1, DonePages: 1, Devices: 20, Pass: 20,
			Enforced: client.Enforced{ObserveOnly: 3, Exempt: 2, Grace: 1, Held: 12}},
	} {
		if got := Line(p); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Without a terminal, there is one line for each poll, without control sequences.
func TestShowWithoutATerminal(t *testing.T) {
	var out strings.Builder
	s := Show{Out: &out}
	for _, done := range []int{0, 1, 2} {
		s.Seen(*poll(1, done, 3), false)
	}
	s.Seen(*poll(1, 3, 3), true)
	if got := out.String(); strings.Count(got, "\n") != 1 || strings.ContainsAny(got, "\r\x1b") {
		t.Errorf("printed %q", got)
	}
}

func TestShowOnATerminal(t *testing.T) {
	var out strings.Builder
	s := Show{Out: &out, Terminal: true}
	s.Seen(*poll(1, 1, 3), false)
	s.Seen(*poll(1, 2, 3), false)
	s.Seen(*poll(1, 3, 3), true)
	if got := out.String(); !strings.Contains(got, "poll 1") || !strings.Contains(got, "2/3") ||
		!strings.HasSuffix(got, "in 0s\n") {
		t.Errorf("printed %q", got)
	}
}
