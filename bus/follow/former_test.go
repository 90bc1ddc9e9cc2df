package follow_test

import (
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
)

// A follower has credentials of an earlier version, with consumer names without a secret part, and a position on the
// server. With new credentials it continues after the last handled change.
func TestAFollowerKeepsItsPositionWithNewCredentials(t *testing.T) {
	b := bustest.Start(t)
	w := b.LogWriter()
	w.Commit()
	bustest.Eventually(t, "the state is up to date", w.Settled)
	f := bus.Following{Account: w.Account, Name: "soc"}
	var r bus.Results
	followOneChange(t, b.FormerFollower("soc"), f, &r, w)

	now := b.Follower("soc")
	for range 3 { // the second and third use the new consumer
		kinds, _ := followUntil(t, now, f, &r, w)
		if kinds[bus.EventReset] != 0 || kinds[bus.EventState] != 0 || kinds[bus.EventChange] == 0 {
			t.Errorf("events with new credentials: %v", kinds)
		}
		w.Commit()
	}
	name := b.Server(0).Authority().FollowerConsumer("soc")
	if _, err := now.JetStream().Consumer(t.Context(), topology.PostureLog, name); err != nil {
		t.Errorf("consumer %s: %v", name, err)
	}
}
