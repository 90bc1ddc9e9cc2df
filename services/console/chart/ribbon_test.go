package chart

import (
	"strings"
	"testing"
	"time"
)

func TestRibbonShowsShortSpansAndClips(t *testing.T) {
	until := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	since := until.AddDate(0, 0, -30)
	hostile := `"><script>alert(1)</script>`
	got := string(Ribbon(hostile, since, until, []RibbonPart{
		{"b-pass", "pass", since.AddDate(0, 0, -9), since.AddDate(0, 0, 15)},
		{"b-fail", hostile, until.Add(-time.Second), until.Add(time.Hour)},
		{"b-unk", "before", since.AddDate(0, 0, -9), since},
		{"b-unk", "after", until, until.Add(time.Hour)}}))
	if n := wellFormed(t, got, "rect"); n != 3 || strings.Contains(got, "<script") {
		t.Errorf("%d rectangles: %s", n, got)
	}
	for _, want := range []string{`class="b-pass" x="0" y="0" width="319"`,
		`class="b-fail" x="638" y="0" width="2"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
	empty := string(Ribbon("none", until, until, []RibbonPart{{"b-pass", "", since, until}}))
	if n := wellFormed(t, empty, "rect"); n != 1 {
		t.Error("a period without length has spans")
	}
}
