package control

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// Scripts read the output of the benchmark.
func TestItAsksAndReports(t *testing.T) {
	r, err := Measure(t.Context(), Config{Resources: 30, Devices: 1500, Requests: 20, Progress: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(line), `"p99_ms"`) {
		t.Fatalf("%s, %v", line, err)
	}
	for _, a := range r.Answers {
		if a.P50MS <= 0 || a.P99MS < a.P50MS || a.MaxMS < a.P99MS || a.Bytes < 100 {
			t.Errorf("%+v", a)
		}
	}
	if len(r.Answers) < 20 || r.PeakMB < r.FilledMB || r.EmptyMB <= 0 {
		t.Errorf("%s", line)
	}
	var text bytes.Buffer
	r.Print(&text)
	t.Log(text.String())
}
