package isolation_test

import (
	"encoding/json"
	"testing"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
)

// A fetcher creates consumers in the account of the batches. The server limits how many there are.
func TestTheConsumersOfBatchesAreLimited(t *testing.T) {
	b := bustest.Start(t)
	m, err := b.Anybody(topology.Queue).RequestWithContext(t.Context(), "$JS.API.INFO", nil)
	if err != nil {
		t.Fatal(err)
	}
	var info struct {
		Limits struct {
			Consumers int `json:"max_consumers"`
		} `json:"limits"`
	}
	if err := json.Unmarshal(m.Data, &info); err != nil {
		t.Fatal(err)
	}
	if info.Limits.Consumers != topology.MaxFetchConsumers {
		t.Errorf("the account %s may have %d consumers, want %d", topology.Queue, info.Limits.Consumers,
			topology.MaxFetchConsumers)
	}
}
