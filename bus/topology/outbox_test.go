package topology_test

import (
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func TestSubjectsOfTheOutbox(t *testing.T) {
	a, event := proto.NewAccount(), proto.NewID()
	for subject, filter := range map[string]string{
		topology.Outbox(topology.Config, a, event): topology.OutboxesOf(topology.Config, a),
		topology.Outbox(topology.Tokens, a, event): topology.OutboxesOf(topology.Tokens, a),
		topology.ActionOutbox(a, event):            topology.ActionOutboxesOf(a),
	} {
		account, id, err := topology.ParseOutbox(subject)
		if err != nil || account != a || id != event || !topology.Includes(filter, subject) {
			t.Errorf("%s: %v, %v, %v; the filter is %s", subject, account, id, err, filter)
		}
	}
	for _, subject := range []string{"", "outbox.CONFIG", topology.Audit(a), "outbox.CONFIG.x." + event.String(),
		"outbox.CONFIG." + a.String() + ".x", topology.ActionOutbox(a, event) + ".x"} {
		if account, id, err := topology.ParseOutbox(subject); err == nil {
			t.Errorf("%q is of %v and %v", subject, account, id)
		}
	}
}
