package bus

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"
)

// Distort has a connection get what edit makes of each stream's description, or the error that it returns.
func Distort(c *Conn, edit func(*jetstream.StreamInfo) error) { c.js = distorted{c.js, edit} }

type distorted struct {
	jetstream.JetStream
	edit func(*jetstream.StreamInfo) error
}

func (d distorted) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	s, err := d.JetStream.Stream(ctx, name)
	if err != nil {
		return nil, err
	}
	info := *s.CachedInfo()
	if err := d.edit(&info); err != nil {
		return nil, err
	}
	return distortedStream{s, &info}, nil
}

type distortedStream struct {
	jetstream.Stream
	info *jetstream.StreamInfo
}

func (s distortedStream) CachedInfo() *jetstream.StreamInfo { return s.info }
