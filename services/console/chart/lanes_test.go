package chart

import (
	"strings"
	"testing"
	"time"
)

func TestLane(t *testing.T) {
	got := string(Lane(`"><b>`, time.Second, []Span{{"l1", "plan", 0}, {"l2", "calls", 500 * time.Millisecond},
		{"l3", "evaluate & log", 500 * time.Millisecond}}))
	for _, want := range []string{`aria-label="&#34;&gt;&lt;b&gt;"`, `role="img"`, `<title>calls: 500ms</title>`,
		`<title>evaluate &amp; log: 500ms</title>`, `class="l2" x="0" y="0" width="320"`,
		`class="l3" x="320" y="0" width="320"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
	if strings.Contains(got, "l1") || strings.Contains(got, "<b>") {
		t.Errorf("drew %s", got)
	}
}

// A lane stays within its width, and the shortest span is visible.
func TestLaneStaysWithinItsWidth(t *testing.T) {
	got := string(Lane("a", time.Second, []Span{{"l1", "plan", time.Nanosecond}, {"l2", "calls", time.Hour}}))
	if !strings.Contains(got, `class="l1" x="0" y="0" width="2"`) ||
		!strings.Contains(got, `class="l2" x="2" y="0" width="638"`) {
		t.Errorf("drew %s", got)
	}
	if empty := string(Lane("a", 0, nil)); strings.Count(empty, "<rect") != 1 {
		t.Errorf("drew %s", empty)
	}
}
