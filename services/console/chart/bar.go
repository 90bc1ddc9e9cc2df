package chart

import (
	"html/template"
	"strconv"
)

// Part is a part of a whole, with the class of its colour and its name.
type Part struct {
	Class, Name string
	N           int
}

// Bar draws parts of a whole side by side. A part above none is at least one unit wide, so that it can be seen.
func Bar(label string, parts []Part) template.HTML {
	const width, height, gap, least = 640, 6, 1, 3
	total, shown := 0, 0
	for _, p := range parts {
		total += p.N
		if p.N > 0 {
			shown++
		}
	}
	s := newStrip("bar", width, height, label)
	free := float64(width) - gap*float64(max(shown-1, 0)) - least*float64(shown)
	x := 0.0
	for _, p := range parts {
		if p.N <= 0 {
			continue
		}
		w := least + free*float64(p.N)/float64(total)
		s.rect(p.Class, x, 0, w, height, 0, p.Name+": "+strconv.Itoa(p.N))
		x += w + gap
	}
	if shown == 0 {
		s.rect("b-none", 0, 0, width, height, 0, "")
	}
	return s.done()
}
