package trial_test

import (
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
	"plumbline.dev/services/evaluator/trial"
)

// BenchmarkPast evaluates one entry of each of 1,000 full pages, and reports the memory that is kept for a device.
func BenchmarkPast(b *testing.B) {
	const pages = 1000
	again := 80.0
	check := &proto.Check{ID: chk(0), Type: proto.TypeCustomS2S, Operator: ">=", Score: 60, RecoverScore: &again,
		Grace: time.Hour}
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		past := trial.NewPast(fold.Config{}, check)
		for page := range uint32(pages) {
			past.Entry(page, fullPage(page))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/pages/proto.PageSize, "bytes/device")
		runtime.KeepAlive(past)
	}
}

func fullPage(page uint32) *proto.Entry {
	e := &proto.Entry{Poll: proto.Poll{At: epoch}, EvaluatedAt: epoch, Results: make([]proto.Result, proto.PageSize)}
	for i := range e.Results {
		e.Results[i] = proto.Result{Score: i % 101, ObservedAt: epoch, S2SID: "agent-0123456789"}
		binary.BigEndian.PutUint64(e.Results[i].Device[:], uint64(page)<<32|uint64(i))
	}
	return e
}
