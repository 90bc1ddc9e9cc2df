package bustest

import (
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Newest reads the value of a key from the leader of the bucket's stream. It returns the value's revision, or 0 if
// there is no value. [plumbline.dev/bus.Conn.Get] may be answered by a lagging replica.
func (b *Bus) Newest(bucket, key string, into proto.Message) (revision uint64) {
	b.t.Helper()
	if b.operator == nil {
		b.operator = b.Conn(topology.Operator)
	}
	js, err := b.operator.NATS().JetStream()
	if err != nil {
		b.t.Fatal(err)
	}
	var m *nats.RawStreamMsg
	Eventually(b.t, "the leader answers for "+key+" in "+bucket, func() bool {
		m, err = js.GetLastMsg(topology.BucketStream(bucket), topology.BucketSubject(bucket, key))
		return err == nil || errors.Is(err, nats.ErrMsgNotFound)
	})
	if err != nil || m.Header.Get(jetstream.MarkerReasonHeader) != "" || m.Header.Get("KV-Operation") != "" {
		return 0
	}
	if err := proto.Unmarshal(m.Data, into); err != nil {
		b.t.Fatal(err)
	}
	return m.Sequence
}
