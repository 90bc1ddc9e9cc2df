package system_test

import (
	"slices"
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/services/api/apitest"
)

const path = "/plumbline/system"

func TestSystem(t *testing.T) {
	t.Parallel()
	f := apitest.StartFleet(t)
	v := f.Want(200, "GET", path, nil)
	nats, _ := v["nats"].(map[string]any)
	if v["version"] == "" || nats["version"] == "" || nats["server"] == "" || nats["round_trip_ms"].(float64) < 0 {
		t.Errorf("%v", v)
	}
	names := func(list, member string) (all []string) {
		for _, item := range v[list].([]any) {
			all = append(all, item.(map[string]any)[member].(string))
		}
		return all
	}
	if got := names("streams", "name"); !slices.Equal(got, topology.SizesOf(topology.API)) {
		t.Errorf("streams %q", got)
	}
	for _, silent := range names("streams", "error") {
		if silent != "" {
			t.Errorf("NATS did not tell: %s", silent)
		}
	}
	if got := names("queues", "service"); !slices.Equal(got, []string{"fetcher", "evaluator", "registry", "api"}) {
		t.Errorf("queues %q", got)
	}
	if got := names("integrations", "name"); !slices.Equal(got, []string{"Scores"}) {
		t.Errorf("integrations %q", got)
	}
	first := v["limits"].([]any)[0].(map[string]any)
	if first["name"] != "checks_per_integration" || first["limit"] != 100.0 || first["used"] != 1.0 {
		t.Errorf("limits %v", v["limits"])
	}
}
