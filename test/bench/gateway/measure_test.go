package gateway

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"plumbline.dev/test/internal/stack"
)

// The test's binary is also the origin and the bare proxy, as the benchmark's is.
func TestMain(m *testing.M) {
	if asked, err := Serve(); asked {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// An aborted measurement names the exited process.
func TestItSaysWhoEnded(t *testing.T) {
	w := &workbench{Config: Config{Connections: 2, During: time.Second, Body: 100}}
	defer w.close()
	origin, addr, err := launch(t.Context(), "origin", "100")
	if err != nil {
		t.Fatal(err)
	}
	w.processes, w.origin = append(w.processes, origin), addr
	w.contestants = []*contestant{{side: Side{Name: "origin"}, addr: addr, parties: []*stack.Process{origin}}}
	if said := w.ended(); said != "" {
		t.Errorf("everybody is there: %s", said)
	}
	origin.Kill()
	if said := w.ended(); !strings.Contains(said, "origin ended with code -1") {
		t.Error(said)
	}
}

// Scripts read the output of the benchmark.
func TestItMeasuresAndReports(t *testing.T) {
	r, err := Measure(t.Context(),
		Config{Connections: 2, Rounds: 2, During: 50 * time.Millisecond, Body: 100, Progress: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Sides) != 2 || r.GatewayRatio <= 0 || r.GatewayRatio != r.Sides[1].Ratio || r.Sides[0].Ratio != 1 {
		t.Errorf("%+v", r)
	}
	for _, s := range r.Sides {
		if s.RequestsPerS <= 0 || s.Lowest > s.Highest || s.PeakRSSMB <= 0 {
			t.Errorf("%+v", s)
		}
	}
	for i, c := range r.Columns {
		if c.Name != columns[i].name || c.Ratio <= 0 || c.Bare.RequestsPerS <= 0 || c.Gateway.CPUUSPerRequest < 0 {
			t.Errorf("%+v", c)
		}
	}
	if len(r.Columns) != len(columns) || r.Columns[0].Ratio != r.GatewayRatio {
		t.Errorf("columns %+v", r.Columns)
	}
	line, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var read map[string]any
	if err := json.Unmarshal(line, &read); err != nil || read["gateway_ratio"] == nil {
		t.Errorf("%s: %v", line, err)
	}
}
