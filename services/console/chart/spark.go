package chart

import (
	"html/template"
	"slices"
	"strings"
)

// Spark draws the course of a number as a small line, without axes. It is decoration beside the number itself, so it is
// hidden from screen readers.
func Spark(values []float64) template.HTML {
	const width, height = 100.0, 24.0
	if len(values) < 2 {
		return ""
	}
	low, high := slices.Min(values), slices.Max(values)
	var points []string
	for i, v := range values {
		y := height / 2
		if high > low {
			y = height - 2 - (v-low)/(high-low)*(height-4)
		}
		points = append(points, unit(float64(i)*width/float64(len(values)-1))+","+unit(y))
	}
	return template.HTML(`<svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">` +
		`<polyline points="` + strings.Join(points, " ") + `"/></svg>`) //nolint:gosec // numbers only
}
