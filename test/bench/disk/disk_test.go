package disk_test

import (
	"strings"
	"testing"
	"time"

	"plumbline.dev/test/bench/disk"
)

// A record as strace 6.1 writes it.
const record = `16100 1796090638.445802 pwrite64(5</d/jetstream/A/streams/POSTURE_LOG/msgs/1.blk>, ""..., 5, 0) = 5
16100 1796090638.446005 fsync(5</d/jetstream/A/streams/POSTURE_LOG/msgs/1.blk>) = 0
16101 1796090638.496581 write(7</d/x>, ""..., 70 <unfinished ...>
16102 1796090638.496590 write(8<socket:[1]>, ""..., 9) = 9
16100 1796090638.496600 write(9</d/y (deleted)>, ""..., 12) = 12
16103 1796090638.496610 write(9</d/y>, ""..., 12) = -1 ENOSPC (No space left on device)
16101 1796090638.496833 <... write resumed>) = 70
16104 1796090638.496900 write(10<pipe:[4]>, ""..., 1 <unfinished ...>
16104 1796090638.496910 <... write resumed>) = 1
16100 1796090638.598648 +++ exited with 0 +++
`

func TestRead(t *testing.T) {
	var got []disk.Write
	if err := disk.Read(strings.NewReader(record), func(w disk.Write) { got = append(got, w) }); err != nil {
		t.Fatal(err)
	}
	at := func(us int64) time.Time { return time.Unix(1796090638, us*1000) }
	const file = "/d/jetstream/A/streams/POSTURE_LOG/msgs/1.blk"
	want := []disk.Write{{At: at(445802), Path: file, Bytes: 5}, {At: at(446005), Path: file, Sync: true},
		{At: at(496600), Path: "/d/y", Bytes: 12}, {At: at(496581), Path: "/d/x", Bytes: 70}}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("call %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestPlace(t *testing.T) {
	for path, want := range map[string]string{
		"/d/jetstream/A/streams/S/msgs/12.blk":          "A S messages",
		"/d/jetstream/A/streams/S/msgs/12.blk.tmp":      "A S blocks",
		"/d/jetstream/A/streams/S/msgs/12.new":          "A S blocks",
		"/d/jetstream/A/streams/S/msgs/index.db":        "A S index",
		"/d/jetstream/A/streams/S/batches/x/msgs/1.blk": "A S open batches",
		"/d/jetstream/A/streams/S/obs/plan/o.dat":       "A S positions",
		"/d/jetstream/A/streams/S/obs/plan/meta.inf":    "A S configuration",
		"/d/jetstream/A/streams/S/meta.inf":             "A S configuration",
		"/d/jetstream/A/meta":                           "",
		"/e/jetstream/A/streams/S/msgs/12.blk":          "",
	} {
		got := ""
		if zone, stream, cause, ok := disk.Place("/d", path); ok {
			got = zone + " " + stream + " " + string(cause)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
