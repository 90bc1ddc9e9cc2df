//go:build terraform

package terraform

import (
	"encoding/json"
	"testing"
)

// Data sources find one by its id and by filters, and all there are.
func TestDataSources(t *testing.T) {
	s := start(t).workspace(t)
	s.write("main.tf", file(t, "testdata/data.tf"))
	s.apply()
	s.unchanged("made")
	var outputs map[string]struct{ Value any }
	if err := json.Unmarshal([]byte(s.must("output", "-json")), &outputs); err != nil {
		t.Fatal(err)
	}
	if len(outputs) == 0 {
		t.Error("there are no outputs")
	}
	for name, o := range outputs {
		if o.Value != true {
			t.Errorf("the data sources of %s do not say what they should", name)
		}
	}
	s.destroy()
}
