package slot

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"plumbline.dev/proto"
)

var (
	integration = proto.ID{1, 2, 3}
	cut         = Of(integration, time.Minute)
)

// in returns a time 20 s after the begin of a slot.
func in(slot int64) time.Time { return cut.Begin(slot).Add(20 * time.Second) }

func due(slot int64) proto.Tick {
	return proto.Tick{Slot: slot, Due: proto.At(cut.Begin(slot)), Interval: time.Minute, Schedule: 7}
}

func edited(t proto.Tick, edit func(*proto.Tick)) proto.Tick { edit(&t); return t }

func TestCovered(t *testing.T) {
	manual := func(slot int64) proto.Tick {
		return edited(due(slot), func(t *proto.Tick) { t.Cause, t.Due = proto.TickManual, proto.At(in(9000)) })
	}
	for name, c := range map[string]struct {
		tick     proto.Tick
		storedAt time.Time
		want     Covered
	}{
		"a tick in its slot":                          {due(100), in(100), Covered{Last: 100, Latest: 100}},
		"a tick as far ahead as clocks may differ":    {due(100), cut.Begin(100).Add(-Tolerance), Covered{Last: 100, Latest: 100}},
		"a tick ahead stands for when it was stored":  {due(160), in(100), Covered{Last: 100, Latest: 100, Ahead: true}},
		"the due time may be ahead instead":           {edited(due(100), func(t *proto.Tick) { t.Due = proto.At(in(160)) }), in(100), Covered{Last: 100, Latest: 100, Ahead: true}},
		"a tick of an earlier slot, far ahead":        {edited(due(90), func(t *proto.Tick) { t.Due = proto.At(in(160)) }), in(100), Covered{Last: 90, Latest: 90, Ahead: true}},
		"a late tick":                                 {due(100), in(160), Covered{Last: 100, Latest: 100}},
		"a manual tick":                               {manual(100), in(104), Covered{Last: 100, Latest: 100}},
		"a manual tick after the clock was set back":  {manual(160), in(100), Covered{Last: 100, Latest: 160, Ahead: true}},
		"a tick after the clock was set back":         {edited(due(100), func(t *proto.Tick) { t.Latest = 160 }), in(100), Covered{Last: 100, Latest: 160}},
		"a tick ahead keeps what was known before it": {edited(due(190), func(t *proto.Tick) { t.Latest = 160 }), in(100), Covered{Last: 100, Latest: 160, Ahead: true}},
		"a latest slot that was passed":               {edited(due(100), func(t *proto.Tick) { t.Latest = 60 }), in(100), Covered{Last: 100, Latest: 100}},
	} {
		if diff := cmp.Diff(c.want, cut.Covered(&c.tick, c.storedAt)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestManual(t *testing.T) {
	asked := proto.At(in(101))
	for name, c := range map[string]struct {
		newest       proto.Tick
		storedAt     time.Time
		slot, latest int64
	}{
		"behind a tick in its slot":                  {due(100), in(100), 100, 0},
		"behind a tick ahead":                        {due(160), in(100), 100, 0},
		"behind a tick after the clock was set back": {edited(due(100), func(t *proto.Tick) { t.Latest = 160 }), in(100), 100, 160},
		"behind a manual one across a step of the clock": {edited(due(160),
			func(t *proto.Tick) { t.Cause = proto.TickManual }),
			in(100), 100, 160},
		"behind the manual tick of a new integration": {edited(due(0), func(t *proto.Tick) { t.Cause = proto.TickManual }), in(100), 0, 0},
		"behind a tick without an interval":           {edited(due(160), func(t *proto.Tick) { t.Interval = 0 }), in(100), 160, 0},
	} {
		want := c.newest
		want.Cause, want.Due, want.Slot, want.Latest = proto.TickManual, asked, c.slot, c.latest
		if diff := cmp.Diff(want, Manual(integration, c.newest, c.storedAt, asked)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
