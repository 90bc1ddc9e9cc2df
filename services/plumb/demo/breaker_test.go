package demo_test

import (
	"encoding/binary"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
	"plumbline.dev/services/plumb/demo"
	"plumbline.dev/services/sample"
)

// TestNoPollOfTheDemoIsHeld polls pages like those of the demo for an hour, then after pauses such as those of a laptop
// that slept: the drift of the sample scores is no malfunction to the default breaker.
func TestNoPollOfTheDemoIsHeld(t *testing.T) {
	for _, size := range []int{proto.PageSize, sample.DeviceCount % proto.PageSize} {
		on := fold.Basis{Page: fold.Page{Revision: 1}, Config: fold.Config{Revision: 1, Exists: true}}
		for n := range size {
			var id proto.ID
			binary.BigEndian.PutUint64(id[:], uint64(n)*0x9e3779b97f4a7c15)
			on.Page.Devices = append(on.Page.Devices, id)
		}
		for n, c := range demo.Checks {
			on.Config.Checks = append(on.Config.Checks, fold.Check{Revision: 1, Check: &proto.Check{ID: proto.ID{byte(n + 1)},
				Type: proto.TypeCustomS2S, Operator: c.Operator, Score: float64(c.Score)}})
		}
		now, tick := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC), uint64(0)
		var entry *proto.Entry
		flips := 0
		poll := func(after time.Duration) {
			now, tick = now.Add(after), tick+1
			on.StoredAt = proto.At(now)
			on.Now = on.StoredAt
			in := proto.Input{Cause: proto.CausePoll, Tick: tick, Poll: proto.Poll{Attempts: 1, Status: 200}}
			for _, id := range on.Page.Devices {
				in.Observations = append(in.Observations, proto.Observation{Device: id, Score: sample.Score(id.String(), now)})
			}
			entry = fold.Next(entry, &in, on).Entry
			for i := range entry.Checks {
				if s := entry.State(i); s.Hold != nil {
					t.Fatalf("a page of %d, %v later: the check %s is held: %+v", size, after, demo.Checks[i].Name, s.Flips)
				} else {
					flips += s.Flips.Out + s.Flips.In
				}
			}
		}
		for range 720 {
			poll(5 * time.Second)
		}
		for range 50 {
			poll(37 * time.Minute)
			poll(8 * time.Hour)
		}
		if flips == 0 {
			t.Error("no result changed")
		}
	}
}
