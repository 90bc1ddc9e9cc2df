package chart

import (
	"html/template"
	"time"
)

// RibbonPart is a time in a ribbon with the class of its colour. The title names what it shows, with its times.
type RibbonPart struct {
	Class, Title string
	From, Until  time.Time
}

// Ribbon draws a period as a strip of spans, which may have gaps. A span is at least two units wide, so that a short
// one can be seen, and is clipped to the period.
func Ribbon(label string, since, until time.Time, spans []RibbonPart) template.HTML {
	const width, height, gap, least = 640, 16, 1, 2
	s := newStrip("ribbon", width, height, label)
	period := until.Sub(since).Seconds()
	s.rect("b-none", 0, 0, width, height, 2, "")
	for _, p := range spans {
		if period <= 0 || !p.Until.After(since) || !p.From.Before(until) {
			continue
		}
		from := max(0, p.From.Sub(since).Seconds()) / period * width
		to := min(1, p.Until.Sub(since).Seconds()/period) * width
		s.rect(p.Class, min(from, width-least), 0, max(to-from-gap, least), height, 2, p.Title)
	}
	return s.done()
}
