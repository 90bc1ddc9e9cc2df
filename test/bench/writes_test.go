package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/test/bench/disk"
)

// Writes of the polls are summed by stream and cause; copies are told from their streams, and what came before or after
// the polls does not count.
func TestWritesAreSummed(t *testing.T) {
	store := t.TempDir()
	file := func(zone, stream, name string) string {
		path := filepath.Join(store, "jetstream", zone, "streams", stream, "msgs", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file("P", topology.PostureTicks, "1.blk")
	log, copied := file("P", topology.PostureLog, "1.blk"), file("M", topology.PostureLog, "1.blk")
	batches := file("Q", topology.PostureBatches, "1.blk")
	var record strings.Builder
	for i, path := range []string{log, log, copied, batches, log + ".tmp", log} {
		fmt.Fprintf(&record, "7 %d.000000 pwrite64(5<%s>, \"\"..., 10, 0) = 10\n", 100+i, path)
		fmt.Fprintf(&record, "7 %d.000001 fsync(5<%s>) = 0\n", 100+i, path)
	}
	var r written
	if err := r.add(strings.NewReader(record.String()), store, time.Unix(101, 0), time.Unix(104, 5000), 0.5); err != nil {
		t.Fatal(err)
	}
	want := []place{{Stream: topology.PostureBatches, Cause: disk.Messages},
		{Stream: topology.PostureLog, Cause: disk.Rewritten},
		{Stream: topology.PostureLog, Cause: disk.Messages}, {Stream: topology.PostureLog, Cause: disk.Messages, Copy: true}}
	got := map[place]bool{}
	for _, p := range r.Places {
		if p.Bytes != 5 || p.Calls != 0.5 || p.Syncs != 0.5 {
			t.Errorf("%+v", p)
		}
		got[place{Stream: p.Stream, Cause: p.Cause, Copy: p.Copy}] = true
	}
	for _, p := range want {
		if !got[p] {
			t.Errorf("no %+v in %+v", p, r.Places)
		}
	}
	if len(r.Places) != len(want) || r.Bytes != 20 || r.Calls != 2 || r.Syncs != 2 {
		t.Errorf("%+v", r)
	}
	var text bytes.Buffer
	if r.print(&text); !strings.Contains(text.String(), "POSTURE_LOG (copy)") {
		t.Error(text.String())
	}
}
