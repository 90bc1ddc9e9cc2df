package control

import (
	"fmt"
	"io"
)

// Report holds the results. Times are in milliseconds, as seen by one client.
type Report struct {
	Resources int      `json:"resources"` // the number of applications, of policies and of service tokens
	Devices   int      `json:"devices"`
	Requests  int      `json:"requests"` // of each kind
	Answers   []Answer `json:"answers"`
	// Memory of plumb up, including its NATS server.
	EmptyMB  float64 `json:"empty_rss_mb"`
	FilledMB float64 `json:"filled_rss_mb"`
	AskedMB  float64 `json:"asked_rss_mb"`
	PeakMB   float64 `json:"peak_rss_mb"`
}

// Answer holds the response times of one kind of request.
type Answer struct {
	Name  string  `json:"name"`
	P50MS float64 `json:"p50_ms"`
	P99MS float64 `json:"p99_ms"`
	MaxMS float64 `json:"max_ms"`
	Bytes int64   `json:"bytes"` // of a response, on average
}

// Print writes the report as text.
func (r *Report) Print(w io.Writer) {
	fmt.Fprintf(w, "\n%d applications, policies and service tokens each, %d devices; "+
		"%d requests of each kind, one at a time\n\n",
		r.Resources, r.Devices, r.Requests)
	fmt.Fprintf(w, "  %-46s %9s %9s %9s %10s\n", "", "p50 ms", "p99 ms", "max ms", "bytes")
	for _, a := range r.Answers {
		fmt.Fprintf(w, "  %-46s %9.2f %9.2f %9.2f %10d\n", a.Name, a.P50MS, a.P99MS, a.MaxMS, a.Bytes)
	}
	fmt.Fprintf(w, "\nmemory of plumb up with its NATS server: %.0f MB empty, %.0f MB filled, "+
		"%.0f MB after the requests, %.0f MB peak\n",
		r.EmptyMB, r.FilledMB, r.AskedMB, r.PeakMB)
}
