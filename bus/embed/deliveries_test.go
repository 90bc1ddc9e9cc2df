package embed_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
)

// A follower has learned the name of another follower's consumer, and has a push consumer send requests for its
// messages. Its revocation ends this, and leaves the positions of both.
func TestARevokedFollowerTakesNothingFromOthers(t *testing.T) {
	b := bustest.Start(t)
	operator, evil, victim := b.Conn(topology.Operator), b.Follower("evil").NATS(), b.Follower("victim").NATS()
	const create, info = "$JS.API.CONSUMER.CREATE.POSTURE_LOG.", "$JS.API.CONSUMER.INFO.POSTURE_LOG."
	ask := func(nc *nats.Conn, subject, body, want string) bool {
		m, err := nc.RequestWithContext(t.Context(), subject, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(m.Data), want)
	}
	made := func(nc *nats.Conn, name, more string) {
		body := fmt.Sprintf(
			`{"stream_name":"POSTURE_LOG","config":{"name":%q,"durable_name":%[1]q,"ack_policy":"explicit"%s}}`, name, more)
		if !ask(nc, create+name, body, `"created"`) {
			t.Fatalf("consumer %s was not made", name)
		}
	}
	authority, inProcess := b.Server(0).Authority(), b.Server(0).InProcess()
	attacked, position := authority.FollowerConsumer("victim"), authority.FollowerConsumer("evil")
	made(victim, attacked, "")
	made(evil, position, "")
	made(evil, strings.TrimPrefix(position, topology.FollowPrefix), fmt.Sprintf(
		`,"ack_wait":1000000,"headers_only":true,"deliver_subject":"$JS.API.CONSUMER.MSG.NEXT.POSTURE_LOG.%s"`, attacked))
	if _, err := operator.JetStream().Publish(t.Context(), "posture.log.a.b.1", []byte("entry")); err != nil {
		t.Fatal(err)
	}
	bustest.Eventually(t, "the victim's message is taken", func() bool {
		return ask(victim, info+attacked, "", `"num_ack_pending":1`)
	})

	if err := authority.Revoke("evil"); err != nil {
		t.Fatal(err)
	}
	if _, err := authority.Push(t.Context(), "", inProcess); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second has nothing to remove
		if err := authority.StopDeliveries(t.Context(), "", "evil", inProcess); err != nil {
			t.Fatal(err)
		}
	}
	mirror := b.Anybody(topology.Mirror)
	if !ask(mirror, "$JS.API.CONSUMER.NAMES.POSTURE_LOG", "", fmt.Sprintf(`"consumers":[%q,%q]`, position, attacked)) {
		t.Error("the consumers are not the positions of the two followers")
	}
}

// A connection of a follower has a bounded number of subscriptions.
func TestAFollowersSubscriptionsAreBounded(t *testing.T) {
	b := bustest.Start(t)
	file, err := b.Server(0).Authority().Follower("evil")
	if err != nil {
		t.Fatal(err)
	}
	refused := make(chan error, 1)
	nc, err := nats.Connect("", b.Server(0).InProcess(), nats.UserCredentialBytes(file), nats.NoReconnect(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			select {
			case refused <- err:
			default:
			}
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	subscribe := func(n int) {
		if _, err := nc.SubscribeSync(fmt.Sprintf("%s.%d", topology.FollowerInbox("evil"), n)); err != nil {
			t.Fatal(err)
		}
	}
	for n := range topology.MaxFollowerSubscriptions {
		subscribe(n)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-refused:
		t.Fatalf("of %d subscriptions: %v", topology.MaxFollowerSubscriptions, err)
	default:
	}
	subscribe(topology.MaxFollowerSubscriptions)
	bustest.Eventually(t, "one subscription too many is refused", func() bool {
		select {
		case err := <-refused:
			return strings.Contains(err.Error(), "maximum subscriptions exceeded")
		default:
			return false
		}
	})
}
