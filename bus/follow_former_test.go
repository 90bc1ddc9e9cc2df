package bus_test

import (
	"strings"
	"testing"

	"github.com/nats-io/jwt/v2"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
)

// A follower has credentials of an earlier version, with consumer names without a secret part, and a position on the
// server. With new credentials it continues after the last handled change.
func TestAFollowerKeepsItsPositionWithNewCredentials(t *testing.T) {
	b := bustest.Start(t)
	w := newWriter(t, b)
	w.commit()
	bustest.Eventually(t, "the state is up to date", w.settled)
	f := bus.Following{Account: w.account, Name: "soc"}
	var r bus.Results
	followOneChange(t, formerFollower(t, b, "soc"), f, &r, w)

	now := b.Follower("soc")
	for range 3 { // the second and third use the new consumer
		kinds, _ := followUntil(t, now, f, &r, w)
		if kinds[bus.EventReset] != 0 || kinds[bus.EventState] != 0 || kinds[bus.EventChange] == 0 {
			t.Errorf("events with new credentials: %v", kinds)
		}
		w.commit()
	}
	name := b.Server(0).Authority().FollowerConsumer("soc")
	if _, err := now.JetStream().Consumer(t.Context(), topology.PostureLog, name); err != nil {
		t.Errorf("consumer %s: %v", name, err)
	}
}

// formerFollower connects with a follower's credentials of an earlier version.
func formerFollower(t *testing.T, b *bustest.Bus, name string) *bus.Conn {
	t.Helper()
	p := topology.FollowerPermissions(name, "KEY")
	for i, subject := range p.Publish {
		p.Publish[i] = strings.ReplaceAll(subject, "_KEY", "")
	}
	token, seed, err := b.Server(0).Authority().UserIn(topology.Follow, name, p)
	if err != nil {
		t.Fatal(err)
	}
	file, err := jwt.FormatUserConfig(token, []byte(seed))
	if err != nil {
		t.Fatal(err)
	}
	c, err := b.Server(0).ConnectFollower(t.Context(), file, bustest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
