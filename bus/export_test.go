package bus

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Distort makes a connection receive the result of edit instead of each stream's description.
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

// The following functions shorten timeouts of a connection: arguments of [embed.Server.Connect] and of package bustest.

// PublishAsyncWithin sets how long [Conn.PublishAll] waits for a lost confirmation.
func PublishAsyncWithin(d time.Duration) func(*Config) {
	return hasten(func(t *timing) { t.publishAsync = d })
}

// PullsExpire sets how long a pull request is open, and how much later it counts as lost.
func PullsExpire(after, margin time.Duration) func(*Config) {
	return hasten(func(t *timing) { t.pullExpires, t.pullMargin = after, margin })
}

// AckWait sets the acknowledgement deadline of consumers for stages.
func AckWait(d time.Duration) func(*Config) {
	return hasten(func(t *timing) { t.ackWait = d })
}

// TailsConfirm sets how often a [Tail] asks the stream's leader, and after which time a stream counts as reverted.
func TailsConfirm(every, setBack time.Duration) func(*Config) {
	return hasten(func(t *timing) { t.confirmEvery, t.setBack = every, setBack })
}

// DefaultSetBack is how long a leader may be behind a reader.
var DefaultSetBack = defaultTiming.setBack

func hasten(edit func(*timing)) func(*Config) {
	return func(cfg *Config) {
		t := defaultTiming
		if cfg.timing != nil {
			t = *cfg.timing
		}
		edit(&t)
		cfg.timing = &t
	}
}
