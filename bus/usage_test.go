package bus_test

import (
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func TestUsage(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t)
	op := b.Conn(topology.Operator)
	before, err := op.Usage(t.Context(), topology.BucketStream(topology.Config))
	if err != nil || before.Messages != 0 || !before.Oldest.IsZero() || before.Age() != 0 || before.Replicas != 1 ||
		before.Current != 1 || before.Queue {
		t.Fatalf("%+v, %v", before, err)
	}
	key := topology.ConfigKey(proto.Account{1}, topology.KindTag, proto.NewID())
	if _, err := op.Put(t.Context(), topology.Config, key, &proto.Tag{Name: "a"}, 0); err != nil {
		t.Fatal(err)
	}
	// The role may ask for each stream that it is said to.
	api := b.Conn(topology.API)
	streams := topology.SizesOf(topology.API)
	if len(streams) < 12 {
		t.Errorf("the api may ask for the size of %q only", streams)
	}
	for _, stream := range streams {
		u, err := api.Usage(t.Context(), stream)
		if err != nil {
			t.Errorf("%s: %v", stream, err)
		}
		if queue := stream == topology.PostureBatches || stream == topology.PostureScores ||
			stream == topology.DeviceCommands || stream == topology.AuditOutbox; u.Queue != queue {
			t.Errorf("%s is a queue: %v", stream, u.Queue)
		}
		if stream == topology.BucketStream(topology.Config) && (u.Messages == 0 || u.Bytes == 0 || u.Newest.IsZero() ||
			u.Age() < 0) {
			t.Errorf("%+v", u)
		}
		if stream == topology.PostureLog && (u.MaxBytes == 0 || u.MaxAge != 30*24*time.Hour) {
			t.Errorf("limits of the log: %+v", u)
		}
	}
	name, version := api.Server()
	if took, err := api.RoundTrip(); name == "" || version == "" || err != nil || took <= 0 {
		t.Errorf("server %q %q, %v, %v", name, version, took, err)
	}
}
