package isolation_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
)

// The server silently omits imports that it takes for cycles. Each import of the topology carries a message to its
// destination, once.
func TestEveryImportCarriesAMessage(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *bustest.Bus{"one server": bustest.Start,
		"three servers": bustest.Cluster} {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			users := map[topology.Zone]*nats.Conn{}
			for _, z := range topology.Zones() {
				users[z] = b.Anybody(z)
			}
			for _, z := range topology.Zones() {
				for _, i := range z.Imports() {
					from, to, sent, got := users[z], users[i.From], bustest.Literal(i.LocalSubject()), bustest.Literal(i.Subject)
					if i.Stream {
						from, to, sent, got = to, from, got, sent
					}
					carries(t, from, to, sent, got, string(z)+" imports "+i.Subject+" of "+string(i.From))
				}
			}
		})
	}
}

func carries(t *testing.T, from, to *nats.Conn, sent, got, what string) {
	t.Helper()
	sub, err := to.SubscribeSync(got)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := to.FlushTimeout(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	const body = "once"
	if err := from.Publish(sent, []byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := await(sub, body, 10*time.Second); err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if err := from.FlushTimeout(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := to.FlushTimeout(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := await(sub, body, 0); !errors.Is(err, nats.ErrTimeout) {
		t.Errorf("%s: a second time, %v", what, err)
	}
}

// await waits for a message with the body. It passes over requests of the servers, such as those of mirrors.
func await(sub *nats.Subscription, body string, wait time.Duration) error {
	for end := time.Now().Add(wait); ; {
		m, err := sub.NextMsg(time.Until(end))
		if err != nil || string(m.Data) == body {
			return err
		}
	}
}
