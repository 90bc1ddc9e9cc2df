package main

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"
)

// The test's binary is also the scoring API, as the benchmark's is.
func TestMain(m *testing.M) {
	if addr := os.Getenv(serveAPI); addr != "" {
		fatal(serve(addr))
		return
	}
	os.Exit(m.Run())
}

// Scripts read the output of the benchmark.
func TestItMeasuresAndReports(t *testing.T) {
	r, err := measure(t.Context(), config{devices: 2500, concurrency: 2, rounds: 1, json: true, latency: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var read map[string]float64
	if err := json.Unmarshal(line, &read); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"devices", "pages", "floor_s", "pipeline_s", "ratio", "results_per_s", "peak_rss_mb"} {
		if read[name] <= 0 {
			t.Errorf("%s is %v in %s", name, read[name], line)
		}
	}
	if read["devices"] != 2500 || read["pages"] != 3 {
		t.Errorf("%s", line)
	}
	var text bytes.Buffer
	r.print(&text)
	t.Log(text.String())
}

func TestSizesAreReadInRisingOrder(t *testing.T) {
	if sizes, err := parseSizes("10_000, 100000"); err != nil || len(sizes) != 2 || sizes[0] != 10_000 {
		t.Errorf("%v, %v", sizes, err)
	}
	for _, text := range []string{"", "0", "x", "2,1"} {
		if _, err := parseSizes(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{3, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}, {[]float64{7}, 7}} {
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v is %v", c.values, got)
		}
	}
}

// The consoles of the benchmark show what a poll changes.
func TestPollsBesideConsoles(t *testing.T) {
	r, err := measureBeside(t.Context(), config{devices: 1500, consoles: 2, concurrency: 2, rounds: 1, json: true,
		latency: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var read map[string]float64
	if err := json.Unmarshal(line, &read); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"devices", "consoles", "alone_s", "with_s", "ratio", "changed_per_poll",
		"rows_per_tail"} {
		if read[name] <= 0 {
			t.Errorf("%s is %v in %s", name, read[name], line)
		}
	}
	var text bytes.Buffer
	r.print(&text)
	t.Log(text.String())
}
