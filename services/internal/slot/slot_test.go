package slot

import (
	"testing"
	"time"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
)

func TestSlots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var id proto.ID
		copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		s := Of(id, time.Duration(rapid.Int64Range(1, int64(48*time.Hour/time.Millisecond)).Draw(t, "ms"))*time.Millisecond)
		at := time.UnixMilli(rapid.Int64Range(-1e13, 1e13).Draw(t, "at"))
		slot := s.At(at)
		if s.Begin(slot).After(at) || !s.Begin(slot+1).After(at) || s.phase < 0 || s.phase >= s.interval {
			t.Fatalf("slot %d of %+v begins at %v, the next at %v; the time is %v", slot, s, s.Begin(slot), s.Begin(slot+1), at)
		}
	})
}

// Ten thousand integrations of one interval are spread over it.
func TestPhaseSpreads(t *testing.T) {
	var each [60]int
	for range 10_000 {
		each[Of(proto.NewID(), time.Minute).phase/1000]++
	}
	for second, n := range each {
		if n < 80 || n > 300 {
			t.Errorf("%d of 10,000 are due in second %d of the minute", n, second)
		}
	}
}
