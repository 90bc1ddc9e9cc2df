package posture

import (
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/overview"
)

// An ordered poll is finished once every page has a result newer than the order, of any tick.
func TestPollResultCountsPages(t *testing.T) {
	const tick, ordered = 7, proto.Millis(1000)
	page := func(tick uint64, polled proto.Millis, why proto.Reason) overview.Page {
		return overview.Page{Summary: proto.Summary{Tick: tick, PolledAt: polled, Devices: 10, Pass: 8, Fail: 2,
			Error: why}}
	}
	closed := page(tick, 2000, proto.ReasonNone)
	closed.Summary.Closed = true
	for name, c := range map[string]struct {
		pages  []overview.Page
		done   int
		failed int
	}{
		"its own tick":                 {[]overview.Page{page(tick, 1500, proto.ReasonNone)}, 1, 0},
		"a later tick":                 {[]overview.Page{page(tick+1, 3000, proto.ReasonNone)}, 1, 0},
		"a call that was under way":    {[]overview.Page{page(tick-1, 1200, proto.ReasonAPIError)}, 1, 1},
		"an earlier call":              {[]overview.Page{page(tick-1, 900, proto.ReasonAPIError)}, 0, 0},
		"a page that was never polled": {[]overview.Page{page(0, 0, proto.ReasonNone)}, 0, 0},
		"closed pages do not count":    {[]overview.Page{closed, page(tick, 1500, proto.ReasonAPIError)}, 1, 1},
		"some pages are still under way": {[]overview.Page{page(tick, 1500, proto.ReasonNone),
			page(tick-1, 900, proto.ReasonNone)}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var p pollView
			failed := p.count(c.pages, tick, ordered)
			if p.DonePages != c.done || p.Failed != c.failed || (failed != nil) != (c.failed > 0) || p.Devices != 10*c.done {
				t.Errorf("%+v, failed page %v", p, failed)
			}
		})
	}
}
