package posture_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
)

// segments returns the segments of the first check in a timeline, as outcome and reason, the oldest first.
func segments(f *apitest.Fleet) (all []string, view map[string]any) {
	f.T.Helper()
	view = f.Want(200, "GET", "/plumbline/devices/"+f.Devices[0].String()+"/timeline?wait_ms=10000", nil)
	line := view["checks"].([]any)[0].(map[string]any)
	end := view["known_since"]
	for _, one := range line["segments"].([]any) {
		s := one.(map[string]any)
		if s["from"] != end {
			f.T.Errorf("a gap before %v: %v", s["from"], end)
		}
		end = s["until"]
		all = append(all, fmt.Sprint(s["outcome"], " ", s["reason"]))
	}
	if len(all) > 0 && end != view["until"] {
		f.T.Errorf("the last segment ends at %v, the period at %v", end, view["until"])
	}
	return all, view
}

func TestTimeline(t *testing.T) {
	f := apitest.StartFleet(t)
	f.Clock.Set(time.Now().Add(time.Second))
	if got, _ := segments(f); !slices.Equal(got, []string{"unknown none"}) {
		t.Errorf("before the first poll: %q", got)
	}
	f.Clock.Advance(time.Hour)
	f.Evaluate(1, 80, proto.OutcomePass)
	f.Clock.Advance(time.Hour)
	if got, _ := segments(f); !slices.Equal(got, []string{"unknown none", "pass score"}) {
		t.Errorf("after the first poll: %q", got)
	}
	since := proto.At(f.Clock.Now())
	f.Clock.Advance(time.Hour)
	f.Hold(2, since)
	if got, view := segments(f); !slices.Equal(got, []string{"unknown none", "pass score", "pass held"}) {
		t.Errorf("held: %q, %v", got, view)
	}
}

func TestTimelineRejects(t *testing.T) {
	f := apitest.StartFleet(t)
	path := "/plumbline/devices/" + f.Devices[0].String() + "/timeline"
	f.WantError(400, 12130, "GET", path+"?days=0", nil)
	f.WantError(400, 12130, "GET", path+"?wait_ms=x", nil)
	f.WantError(404, 12135, "GET", "/plumbline/devices/"+proto.NewID().String()+"/timeline", nil)
}

// A read that ends early says since when the outcomes are known.
func TestTimelineThatEndsEarly(t *testing.T) {
	f := apitest.StartFleet(t)
	f.Clock.Set(time.Now().Add(time.Second))
	f.Evaluate(1, 80, proto.OutcomePass)
	view := f.Want(200, "GET", "/plumbline/devices/"+f.Devices[0].String()+"/timeline?wait_ms=1", nil)
	if view["known_since"] == nil || len(view["checks"].([]any)) != 1 {
		t.Errorf("%v", view)
	}
}
