package chart

import (
	"regexp"
	"strings"
	"testing"
)

func TestHistogram(t *testing.T) {
	counts := make([]int, 101)
	counts[41], counts[60], counts[100] = 1, 2500, 10
	svg := string(Histogram(`scores "><script>`, counts, func(s int) bool { return s >= 60 }, ">=", 60, `f"score`))
	if wellFormed(t, svg, "rect") != 3 || wellFormed(t, svg, "script") != 0 || wellFormed(t, svg, "circle") != 1 {
		t.Error(svg)
	}
	for _, want := range []string{"<title>score 41: 1 device, fail</title>",
		"<title>score 60: 2,500 devices, pass</title>",
		"<title>score 100: 10 devices, pass</title>", `role="img"`, `x1="480"`} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %q in %s", want, svg)
		}
	}
	if strings.Contains(svg, "style=") {
		t.Errorf("a style: %s", svg)
	}
	// The bars and the boundary between them agree, for each operator.
	for operator, c := range map[string]struct {
		passes func(int) bool
		x      string
	}{">=": {func(s int) bool { return s >= 60 }, "480"}, ">": {func(s int) bool { return s > 60 }, "488"},
		"<": {func(s int) bool { return s < 60 }, "480"}, "<=": {func(s int) bool { return s <= 60 }, "488"},
		"==": {func(s int) bool { return s == 60 }, "483.5"}} {
		svg := string(Histogram("", counts, c.passes, operator, 60, "f-score"))
		if x := regexp.MustCompile(`cx="([^"]*)"`).FindStringSubmatch(svg); len(x) < 2 || x[1] != c.x {
			t.Errorf("%s: %v, want %s", operator, x, c.x)
		}
	}
	all := func(int) bool { return true }
	if svg := string(Histogram("", counts, all, ">=", 60, "")); wellFormed(t, svg, "circle") != 0 {
		t.Errorf("a knob without an input: %s", svg)
	}
	if Histogram("", nil, nil, ">=", 0, "x") != "" {
		t.Error("a histogram without scores")
	}
}

func TestRanges(t *testing.T) {
	counts := make([]int, 101)
	for n := range counts {
		counts[n] = 1
	}
	all := Ranges(counts)
	if len(all) != 10 || all[0] != (Range{0, 9, 10}) || all[9] != (Range{90, 100, 11}) || all[9].String() != "90–100" {
		t.Errorf("%v", all)
	}
}
