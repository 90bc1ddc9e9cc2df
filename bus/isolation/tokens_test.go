package isolation_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// A compromised gateway keeps as many batches open as the server allows. The api changes tokens all the same.
func TestAGatewayDoesNotHinderChangesOfTokens(t *testing.T) {
	b := bustest.Start(t)
	gateway, api := b.Anybody(topology.ZoneOf(topology.Gateway)), b.Conn(topology.API)
	open := func(first int) error {
		for n := range 100 {
			for _, bucket := range []string{topology.TokenUses, topology.Tokens} {
				m := nats.NewMsg(topology.BucketSubject(bucket, "a.seen.b"))
				m.Header.Set("Nats-Batch-Id", fmt.Sprint("open", first+n))
				m.Header.Set("Nats-Batch-Sequence", "1")
				if err := gateway.PublishMsg(m); err != nil {
					return err
				}
			}
		}
		return gateway.FlushTimeout(time.Minute)
	}
	if err := open(0); err != nil {
		t.Fatal(err)
	}
	over, ended := make(chan struct{}), make(chan error, 1)
	go func() { // batches that expired are opened again
		for first := 100; ; first += 100 {
			select {
			case <-over:
				ended <- nil
				return
			default:
			}
			if err := open(first); err != nil {
				ended <- err
				return
			}
		}
	}()
	for n := range 5 {
		if _, err := api.Commit(t.Context(), []bus.Outgoing{
			bus.PutMsg(topology.Tokens, fmt.Sprintf("a.service.%d", n), &proto.TokenSeen{At: 1}, 0),
			bus.PutMsg(topology.Tokens, fmt.Sprintf("a.api.%d", n), &proto.TokenSeen{At: 1}, 0),
		}); err != nil {
			t.Errorf("a change of tokens: %v", err)
			break
		}
	}
	close(over)
	if err := <-ended; err != nil {
		t.Errorf("the attack ended early: %v", err)
	}
}
