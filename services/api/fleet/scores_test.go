package fleet_test

import (
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

func TestScores(t *testing.T) {
	f := newFleet(t)
	until(f.Fixture, "outcome:unknown", "S-1", "S-2")
	scores := "/plumbline/devices/scores?integration_id=" + f.Integration.String()
	if got := f.Want(200, "GET", scores, nil); got["devices"] != 2.0 || got["without_score"] != 2.0 {
		t.Errorf("before the first poll: %v", got)
	}
	f.Evaluate(1, 41, proto.OutcomeFail)
	until(f.Fixture, "outcome:fail", "S-1")
	for _, c := range []struct {
		filter       string
		devices, at0 float64 // at 41, the score of the first device
		none         float64
	}{{"", 2, 1, 1}, {"&filter=serial:S-1", 1, 1, 0}, {"&filter=serial:S-2", 1, 0, 1}, {"&filter=nobody", 0, 0, 0},
		{"&filter=revoked:yes", 0, 0, 0}, {"&outdated=1", 2, 1, 1}} {
		got := f.Want(200, "GET", scores+c.filter, nil)
		all := got["scores"].([]any)
		if got["devices"] != c.devices || got["without_score"] != c.none || len(all) != 101 || all[41] != c.at0 ||
			got["outdated_pages"] != 0.0 {
			t.Errorf("%q: %v", c.filter, got)
		}
	}
	for _, bad := range []string{"", "?integration_id=x", "?integration_id=" + proto.NewID().String()} {
		f.WantError(400, v4.CodeInvalid, "GET", "/plumbline/devices/scores"+bad, nil)
	}
}
