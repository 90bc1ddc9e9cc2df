package chart

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1000: "1,000", -12345: "-12,345", 100: "100",
		1_000_000: "1,000,000"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}

// squaresOf reads the squares of a map back: the class of each, by its place.
func squaresOf(t *testing.T, svg string, columns int) map[int]string {
	t.Helper()
	all := map[int]string{}
	for _, path := range regexp.MustCompile(`class="(m\d)" d="([^"]*)"`).FindAllStringSubmatch(svg, -1) {
		for _, run := range regexp.MustCompile(`M(\d+) ([0-9.]+)h(\d+)`).FindAllStringSubmatch(path[2], -1) {
			x, _ := strconv.Atoi(run[1])
			y, _ := strconv.ParseFloat(run[2], 64)
			w, _ := strconv.Atoi(run[3])
			for n := range (w + 1) / mapUnit {
				at := int(y)/mapUnit*columns + x/mapUnit + n
				if all[at] != "" {
					t.Errorf("two squares at %d", at)
				}
				all[at] = path[1]
			}
		}
	}
	return all
}

func TestPageMap(t *testing.T) {
	pages := ParseFreshness(strings.Repeat("0", 79) + "001.2" + strings.Repeat("3e-?", 20))
	svg := string(PageMap(`"><script>alert(1)</script>`, pages))
	if n := wellFormed(t, svg, "script"); n > 0 {
		t.Errorf("a script: %s", svg)
	}
	squares := squaresOf(t, svg, mapColumns)
	for n, f := range pages {
		if squares[n] != f.Class() {
			t.Errorf("page %d: %q, want %q", n, squares[n], f.Class())
		}
	}
	if !strings.Contains(svg, "81 this poll, 1 one behind, 1 two behind, 20 overdue, 20 call failed, 40 not polled yet") {
		t.Errorf("the label lacks the numbers: %s", svg[:200])
	}
	if PageMap("", nil) != "" {
		t.Error("a map without pages")
	}
}

func TestPageMapStaysSmall(t *testing.T) {
	worst := ParseFreshness(strings.Repeat("0123e", 200))
	if n := len(PageMap("pages", worst)); n > 12<<10 {
		t.Errorf("1,000 pages take %d bytes", n)
	}
	if n := len(PageMap("pages", ParseFreshness(strings.Repeat("0", 1000)))); n > 1<<10 {
		t.Errorf("1,000 equal pages take %d bytes", n)
	}
	large := make([]Freshness, 100_000)
	for n := range large {
		large[n] = ThisPoll
	}
	large[99_999] = Overdue
	svg := string(PageMap("pages", large))
	if n := wellFormed(t, svg, "script"); n > 0 {
		t.Errorf("a script: %s", svg)
	}
	squares := squaresOf(t, svg, mapWideColumns)
	if len(squares) != 12_500 || squares[12_499] != Overdue.Class() || squares[12_498] != ThisPoll.Class() {
		t.Errorf("%d squares, the last is %q", len(squares), squares[12_499])
	}
	if !strings.Contains(svg, "8 pages a square") {
		t.Errorf("the label does not say what a square is: %s", svg[:200])
	}
}

func TestCountPages(t *testing.T) {
	counts := CountPages(ParseFreshness("00..3" + strings.Repeat("1", 12)))
	if len(counts) != 3 || counts[0].Pages != 2 || counts[1].Pages != 12 || len(counts[1].First) != 10 ||
		counts[2].Freshness != Overdue || counts[2].First[0] != 4 {
		t.Errorf("%+v", counts)
	}
	if Legend(nil) != "no pages" {
		t.Error(Legend(nil))
	}
}
