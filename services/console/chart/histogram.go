package chart

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
)

// Geometry of a histogram, in units of its view box.
const (
	histBar    = 8 // a bar with its gap
	histHeight = 190
	histTop    = 18 // room for the knob
	histAxis   = 16
)

// Histogram draws the number of devices with each score from 0 on, and the threshold of a check. Bars that pass have
// another colour than those that do not; passes reports which do. input is the id of the number input that a dragged
// knob sets; "" draws no knob.
func Histogram(label string, counts []int, passes func(score int) bool, operator string, threshold float64,
	input string) template.HTML {
	if len(counts) == 0 {
		return ""
	}
	width, base := float64(len(counts)*histBar), float64(histTop+histHeight)
	s := &svg{}
	fmt.Fprintf(s, `<svg class="hist" viewBox="0 0 %s %s" role="img" aria-label="%s"`, unit(width), unit(base+histAxis),
		template.HTMLEscapeString(label))
	if input != "" {
		fmt.Fprintf(s, ` data-threshold="%s" data-step="%d"`, template.HTMLEscapeString(input), histBar)
	}
	s.WriteString(">")
	most := max(slices.Max(counts), 1)
	for score, n := range counts {
		if n <= 0 {
			continue
		}
		class, word := "b-fail", "fail"
		if passes(score) {
			class, word = "b-pass", "pass"
		}
		height := max(float64(n)/float64(most)*histHeight, 1.5)
		s.rect(class, float64(score*histBar), base-height, histBar-1, height, 1,
			fmt.Sprintf("score %d: %s, %s", score, devices(n), word))
	}
	if x := boundary(operator, threshold); input != "" && x >= 0 && x <= width {
		fmt.Fprintf(s, `<g class="threshold"><line class="thr" x1="%s" y1="10" x2="%s" y2="%s"/>`+
			`<circle class="knob" cx="%s" cy="9" r="7"/></g>`, unit(x), unit(x), unit(base), unit(x))
	}
	for score := 0; score < len(counts); score += 20 {
		s.text("ax", min(float64(score*histBar+histBar/2), width-10), base+12, fmt.Sprint(score))
	}
	return s.done()
}

// boundary returns where the scores that pass end or begin.
func boundary(operator string, threshold float64) float64 {
	switch operator {
	case ">=", "<":
		return math.Ceil(threshold) * histBar
	case ">", "<=":
		return (math.Floor(threshold) + 1) * histBar
	}
	return threshold*histBar + histBar/2 - 0.5
}

func devices(n int) string {
	if n == 1 {
		return "1 device"
	}
	return thousands(n) + " devices"
}

// Range is a number of scores beside each other, for the table of a histogram.
type Range struct{ From, To, Devices int }

// Ranges sums up counts in ranges of ten scores.
func Ranges(counts []int) (all []Range) {
	for from := 0; from < len(counts); from += 10 {
		to := min(from+10, len(counts))
		if len(counts)-to == 1 { // 100 belongs to the last range
			to = len(counts)
		}
		n := 0
		for _, c := range counts[from:to] {
			n += c
		}
		all = append(all, Range{from, to - 1, n})
		if to == len(counts) {
			break
		}
	}
	return all
}

// String returns the scores of the range.
func (r Range) String() string {
	return strings.Join([]string{fmt.Sprint(r.From), fmt.Sprint(r.To)}, "–")
}
