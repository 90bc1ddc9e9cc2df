package topology_test

import (
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func TestFetchConsumerReadsBack(t *testing.T) {
	a, id := proto.NewAccount(), proto.NewID()
	c := topology.FetchConsumer(a, id, 4).Config
	gotA, gotID, err := topology.ParseFetchConsumer(c.Durable, c.FilterSubject)
	if err != nil || gotA != a || gotID != id {
		t.Errorf("%s %s, %v", gotA, gotID, err)
	}
	for _, bad := range [][2]string{
		{"", ""}, {c.Durable, ""}, {c.Durable, "posture.batch.>"}, {"fetch", c.FilterSubject}, {c.Durable, c.FilterSubject + ".*"},
		{c.Durable, topology.LogOfIntegration(a, id)}, {c.Durable, topology.Batches(a, proto.NewID())},
		{topology.FetchConsumerName(proto.NewID()), c.FilterSubject},
	} {
		if _, _, err := topology.ParseFetchConsumer(bad[0], bad[1]); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
