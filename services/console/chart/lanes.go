package chart

import (
	"html/template"
	"time"
)

// Span is a part of a lane, with the class of its colour and its name.
type Span struct {
	Class, Name string
	Took        time.Duration
}

// Lane draws spans of time one after the other, to a scale on which the whole width is the given duration. A span is at
// least two units wide, so that it can be seen. The label describes the lane.
func Lane(label string, whole time.Duration, spans []Span) template.HTML {
	const width, height, least = 640, 12, 2
	s := newStrip("lane-chart", width, height, label)
	s.rect("lane", 0, 0, width, height, 3, "")
	x, shown := 0.0, 0
	for _, p := range spans {
		if p.Took > 0 {
			shown++
		}
	}
	scale := float64(width-least*shown) / float64(max(whole, 1))
	for _, p := range spans {
		if p.Took <= 0 {
			continue
		}
		w := min(least+float64(p.Took)*scale, width-x)
		s.rect(p.Class, x, 0, w, height, 0, p.Name+": "+p.Took.String())
		x += w
	}
	return s.done()
}
