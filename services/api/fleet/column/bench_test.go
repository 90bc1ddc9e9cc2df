package column_test

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/fleet/column"
	"plumbline.dev/services/api/fleet/filter"
)

// processorTime returns the processor time that the process has used. It does not grow with the load of the machine.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSelect evaluates filters on one page of 1,000 devices with three checks. cpu-ms/million is the processor
// time for 1,000,000 devices, over all cores. bytes/device is the memory without ids, for random serial numbers and
// MAC addresses.
func BenchmarkSelect(b *testing.B) {
	r, words := rand.New(rand.NewPCG(1, 2)), []string{"oslo", "kyoto", "lisbon", "quito"}
	var record proto.Page
	e := proto.Entry{}
	for _, id := range checks {
		e.Checks = append(e.Checks, proto.CheckRef{ID: id})
	}
	for n := range proto.PageSize {
		d := proto.Device{ID: proto.ID{byte(n >> 8), byte(n)},
			Email:    fmt.Sprintf("%s.%s%d@example.com", words[r.IntN(4)], words[r.IntN(4)], r.IntN(100_000)),
			Serial:   fmt.Sprintf("PF%06X", r.Uint32N(1<<24)),
			MAC:      fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", 0, 0x1a, 0x2b, r.IntN(256), r.IntN(256), r.IntN(256)),
			IPv4:     fmt.Sprintf("100.%d.%d.%d", 64+r.IntN(64), r.IntN(256), r.IntN(256)),
			Hostname: fmt.Sprintf("%s-laptop-%d", words[r.IntN(4)], r.IntN(100_000))}
		record.Devices = append(record.Devices, d)
		v := proto.Verdict{Outcome: proto.Outcome(r.IntN(3)), Reason: proto.ReasonScore}
		e.Results = append(e.Results, proto.Result{Device: d.ID, Score: r.IntN(101), ObservedAt: now,
			Verdicts: []proto.Verdict{v, v, v}})
	}
	p := &column.Page{Text: column.NewText(&record, 1)}
	p.Results = []*column.Results{column.NewResults(&e, proto.ID{1}, 1, p.Text)}
	for _, text := range []string{"", "nowhere", "laptop-77", "serial:PF*77", "user:oslo*", "check:one=fail",
		"check:one=fail -user:oslo* score<3 age>1s"} {
		f, err := filter.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		q, err := column.NewQuery(f, now, checks, named)
		if err != nil {
			b.Fatal(err)
		}
		for _, counted := range []bool{false, true} {
			b.Run(fmt.Sprintf("%q, counted %t", text, counted), func(b *testing.B) {
				s, tally, before := q.Scanner(), column.NewTally(checks), processorTime()
				for b.Loop() {
					rows := s.Select(p)
					if counted {
						tally.Add(p, rows)
					}
				}
				used := processorTime() - before
				b.ReportMetric(float64(used.Microseconds())/float64(b.N), "cpu-ms/million")
				b.ReportMetric(float64(p.Text.Bytes()+p.Results[0].Bytes())/proto.PageSize, "bytes/device")
			})
		}
	}
}
