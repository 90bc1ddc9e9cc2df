package bustest

import (
	"bytes"
	"net"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
)

// BrokenHeader is a header that a [Bus.BrokenConn] sends without its colon: the server stores the message, and no
// client can read its headers.
const BrokenHeader = "Broken-Header"

// BrokenConn is a connection of the operator that breaks the headers of a message that has [BrokenHeader].
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
