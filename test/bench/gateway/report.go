package gateway

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Report holds the results as medians over the rounds.
type Report struct {
	Sides []Side `json:"sides"`
	// Columns compares the bare proxy and the gateway for each kind of request. Sides has all sides, for the first
	// kind only.
	Columns []Column `json:"columns"`
	// GatewayRatio is the ratio of the gateway's requests per second to those of the bare proxy.
	GatewayRatio float64 `json:"gateway_ratio"`

	Connections int     `json:"connections"`
	Rounds      int     `json:"rounds"`
	Seconds     float64 `json:"seconds"`
	Body        int     `json:"body_bytes"`
}

// Column is the comparison for one kind of request.
type Column struct {
	Name    string  `json:"name"`
	Bare    Side    `json:"bare"`
	Gateway Side    `json:"gateway"`
	Ratio   float64 `json:"ratio"` // of requests per second, the median over the rounds
}

// Side holds the results of one side.
type Side struct {
	Name              string  `json:"name"`
	RequestsPerS      float64 `json:"requests_per_s"`
	Lowest            float64 `json:"lowest"`
	Highest           float64 `json:"highest"`
	Ratio             float64 `json:"ratio"` // to the bare proxy, in the same round
	RatioLowest       float64 `json:"ratio_lowest"`
	RatioHighest      float64 `json:"ratio_highest"`
	P50US             float64 `json:"p50_us"`
	P99US             float64 `json:"p99_us"`
	CPUUSPerRequest   float64 `json:"cpu_us_per_request"` // of its own process and of the gateway deciding for it
	PeakRSSMB         float64 `json:"peak_rss_mb"`
	perRound, ratios  []float64
	p50s, p99s, costs []float64
}

func (s *Side) add(m sample, cpuUS float64) {
	s.perRound = append(s.perRound, m.perSecond())
	s.p50s = append(s.p50s, float64(m.p50.Nanoseconds())/1000)
	s.p99s = append(s.p99s, float64(m.p99.Nanoseconds())/1000)
	s.costs = append(s.costs, cpuUS/float64(m.requests))
}

// finish computes the medians over the rounds, and the ratios to the given side.
func (s *Side) finish(to *Side) {
	for n := range s.perRound {
		s.ratios = append(s.ratios, s.perRound[n]/to.perRound[n])
	}
	s.RequestsPerS = math.Round(median(s.perRound))
	s.Lowest, s.Highest = math.Round(slices.Min(s.perRound)), math.Round(slices.Max(s.perRound))
	s.Ratio = round(median(s.ratios))
	s.RatioLowest, s.RatioHighest = round(slices.Min(s.ratios)), round(slices.Max(s.ratios))
	s.P50US, s.P99US, s.CPUUSPerRequest = math.Round(median(s.p50s)), math.Round(median(s.p99s)), round(median(s.costs))
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func round(v float64) float64 { return math.Round(v*1000) / 1000 }

// Print writes the report as text.
func (r *Report) Print(w io.Writer) {
	width := 0
	for _, s := range r.Sides {
		width = max(width, len(s.Name))
	}
	fmt.Fprintf(w, "\n%d connections, answers of %d bytes, medians of %d rounds of %g s\n\n", r.Connections, r.Body,
		r.Rounds, r.Seconds)
	fmt.Fprintf(w, "  %s  %8s  %-17s  %5s  %-13s  %7s  %7s  %8s  %6s\n", strings.Repeat(" ", width),
		"req/s", "lowest - highest", "ratio", "low - high", "p50", "p99", "CPU/req", "memory")
	for _, s := range r.Sides {
		fmt.Fprintf(w, "  %-*s  %8.0f  %7.0f - %-7.0f  %5.2f  %.2f - %-6.2f  %4.0f µs  %4.0f µs  %5.1f µs  %3.0f MB\n",
			width, s.Name,
			s.RequestsPerS, s.Lowest, s.Highest, s.Ratio, s.RatioLowest, s.RatioHighest, s.P50US, s.P99US,
			s.CPUUSPerRequest, s.PeakRSSMB)
	}
	fmt.Fprintf(w, "\n  %-10s  %8s  %8s  %5s  %-13s  %12s  %12s\n", "column", "bare", "gateway", "ratio", "low - high",
		"bare CPU/req", "gateway CPU")
	for _, c := range r.Columns {
		g := c.Gateway
		fmt.Fprintf(w, "  %-10s  %8.0f  %8.0f  %5.2f  %.2f - %-6.2f  %9.1f µs  %9.1f µs\n", c.Name, c.Bare.RequestsPerS,
			g.RequestsPerS, c.Ratio,
			g.RatioLowest, g.RatioHighest, c.Bare.CPUUSPerRequest, g.CPUUSPerRequest)
	}
	fmt.Fprintf(w, "\nEvery request to the gateway carries a service token and is decided. "+
		"Each ratio compares two measurements of one round.\n")
}
