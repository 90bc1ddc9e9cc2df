package proto_test

import (
	"testing"

	. "plumbline.dev/proto"
)

func BenchmarkChange(b *testing.B) {
	c := Change{Account: Account(NewID()), Check: NewID(), Integration: NewID(), Outcome: OutcomeFail, Index: 1,
		Tick: 1000, At: 1_700_000_000_000}
	for range PageSize {
		c.Devices = append(c.Devices, ChangedDevice{Device: NewID(), From: OutcomePass, Reason: ReasonScore, Score: 50})
	}
	data, err := Marshal(&c)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d bytes", len(data))
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Marshal(&c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var back Change
			if err := Unmarshal(data, &back); err != nil {
				b.Fatal(err)
			}
		}
	})
}
