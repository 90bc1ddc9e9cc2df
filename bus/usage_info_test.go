package bus

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/topology"
)

// What the store's check found counts until the limits of the stream remove it.
func TestUsageOfAStreamWithLosses(t *testing.T) {
	info := &jetstream.StreamInfo{
		Config: jetstream.StreamConfig{Replicas: 3, Metadata: map[string]string{topology.NoteUnreadable: "41"}},
		State:  jetstream.StreamState{Msgs: 10, FirstSeq: 41, LastSeq: 60, FirstTime: time.Unix(100, 0)},
		Cluster: &jetstream.ClusterInfo{Replicas: []*jetstream.PeerInfo{{Current: true}, {Current: false},
			{Current: true, Offline: true}}},
		TimeStamp: time.Unix(160, 0),
	}
	u := usageOf(info)
	if u.Unreadable != 41 || u.Replicas != 3 || u.Current != 2 || u.Age() != time.Minute {
		t.Errorf("%+v", u)
	}
	info.State.FirstSeq = 42
	if u := usageOf(info); u.Unreadable != 0 {
		t.Errorf("a message that is gone for its age counts as lost: %+v", u)
	}
}
