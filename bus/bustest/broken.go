package bustest

import (
	"bytes"
	"net"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
)

// BrokenHeader is a header sent without its colon by [Bus.BrokenConn]: the server stores the message, but clients
// cannot parse its headers.
const BrokenHeader = "Broken-Header"

// BrokenConn returns an operator's connection. It corrupts the headers of messages with a [BrokenHeader].
func (b *Bus) BrokenConn() *bus.Conn {
	b.t.Helper()
	c, err := b.servers[0].Connect(b.t.Context(), topology.Operator, Log(b.t), func(cfg *bus.Config) {
		cfg.Options = append(cfg.Options, func(o *nats.Options) error {
			o.InProcessServer = breaking{o.InProcessServer}
			return nil
		})
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(c.Close)
	return c
}

type breaking struct{ nats.InProcessConnProvider }

func (p breaking) InProcessConn() (net.Conn, error) {
	c, err := p.InProcessConnProvider.InProcessConn()
	return breakingConn{c}, err
}

type breakingConn struct{ net.Conn }

func (c breakingConn) Write(p []byte) (int, error) {
	return c.Conn.Write(bytes.ReplaceAll(p, []byte(BrokenHeader+":"), []byte(BrokenHeader+";")))
}
