package bustest

import (
	"errors"
	"strings"
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// badChange claims to be a change.
type badChange struct {
	Outcome string `msgpack:"outcome"`
}

func (badChange) Schema() proto.Schema { return new(proto.Change).Schema() }

func TestInvalidPublicMessagesAreFound(t *testing.T) {
	b := Start(t)
	c, account := b.Conn(topology.Operator), proto.NewAccount()
	valid := bus.ChangeMsg(&proto.Change{Account: account, Devices: []proto.ChangedDevice{{Device: proto.NewID()}}})
	if _, err := b.Conn(topology.Evaluator).Publish(t.Context(), valid); err != nil {
		t.Fatal(err)
	}
	if err := validateStream(t.Context(), c, topology.PostureLog, topology.AllChanges); err != nil {
		t.Errorf("a valid change: %v", err)
	}
	valid.Body = badChange{"passed"}
	if _, err := b.Conn(topology.Evaluator).Publish(t.Context(), valid); err != nil {
		t.Fatal(err)
	}
	err := validateStream(t.Context(), c, topology.PostureLog, topology.AllChanges)
	if invalid := (*invalidError)(nil); !errors.As(err, &invalid) || invalid.subject != valid.Subject ||
		!strings.Contains(err.Error(), "outcome") {
		t.Errorf("an invalid change: %v", err)
	}
	stream, err := c.JetStream().Stream(t.Context(), topology.PostureLog)
	if err == nil {
		err = stream.Purge(t.Context()) // the end of the test would report the change
	}
	if err != nil {
		t.Fatal(err)
	}
}
