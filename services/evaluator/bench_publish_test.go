package evaluator

import (
	"encoding/binary"
	"syscall"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
)

// BenchmarkPublish encodes the entry of a full page with two checks, with its headers, and with its signature. The
// processor time is what counts on a loaded machine.
func BenchmarkPublish(b *testing.B) {
	e := &proto.Entry{Tick: 7, Poll: proto.Poll{At: start}, EvaluatedAt: start, Checks: make([]proto.CheckRef, 2)}
	for n := range 1000 {
		r := proto.Result{Score: n % 101, S2SID: "agent-0123456789", ObservedAt: start, Verdicts: make([]proto.Verdict, 2)}
		binary.BigEndian.PutUint64(r.Device[:], uint64(n)*0x9e3779b97f4a7c15)
		for i := range r.Verdicts {
			r.Verdicts[i] = proto.Verdict{Outcome: proto.OutcomePass, Observed: proto.OutcomePass}
		}
		e.Results = append(e.Results, r)
	}
	step, ref := &fold.Step{Entry: e}, topology.PageRef{Account: proto.NewAccount(), Integration: proto.NewID()}
	for name, run := range map[string]func() error{
		"signed": func() error {
			_, err := publish(keyForTests(), ref, step, "")
			return err
		},
		"unsigned": func() error {
			_, err := proto.Marshal(step.Entry)
			step.Entry.Headers(step.ChangedByCheck())
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			before := processorTime(b)
			for b.Loop() {
				if err := run(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
