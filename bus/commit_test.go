package bus_test

import (
	"fmt"
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
)

// A client that may write to any subject of a stream can add to another client's open batch and commit it if it knows
// the batch's id. Headers of stored messages reveal past ids, from which the next one must not follow.
func TestNoBatchIDFollowsFromOthers(t *testing.T) {
	b := bustest.Start(t)
	api, operator := b.Conn(topology.API), b.Conn(topology.Operator)
	var ids []string
	for i := range 2 {
		subject := fmt.Sprintf("$KV.TOKENS.x.api.%d", i)
		_, err := api.Commit(t.Context(), []bus.Outgoing{
			{Subject: fmt.Sprintf("outbox.TOKENS.x.%d", i)}, {Subject: subject},
		})
		if err != nil {
			t.Fatal(err)
		}
		stream, err := operator.JetStream().Stream(t.Context(), topology.BucketStream(topology.Tokens))
		if err != nil {
			t.Fatal(err)
		}
		stored, err := stream.GetLastMsgForSubject(t.Context(), subject)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, stored.Header.Get("Nats-Batch-Id"))
	}
	const shared = 8 // characters at the start, which random ids do not share and those of a counter do
	if len(ids[0]) < 20 || len(ids[1]) < 20 || ids[0][:shared] == ids[1][:shared] {
		t.Errorf("the ids of two batches are %q", ids)
	}
}
