package bustest

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus"
	"plumbline.dev/bus/internal/tuning"
)

// The following functions shorten timeouts of a connection: arguments of [Bus.ConnWith] and of [embed.Server.Connect].

// PublishAsyncWithin sets how long [bus.Conn.PublishAll] waits for a lost confirmation.
func PublishAsyncWithin(d time.Duration) func(*bus.Config) {
	return tuned(func(t *tuning.Tuning) { t.PublishAsync = d })
}

// PullsExpire sets how long a pull request is open, and how much later it counts as lost.
func PullsExpire(after, margin time.Duration) func(*bus.Config) {
	return tuned(func(t *tuning.Tuning) { t.PullExpires, t.PullMargin = after, margin })
}

// AckWait sets the acknowledgement deadline of consumers for stages.
func AckWait(d time.Duration) func(*bus.Config) {
	return tuned(func(t *tuning.Tuning) { t.AckWait = d })
}

// TailsConfirm sets how often a [bus.Tail] asks the stream's leader, and after which time a stream counts as reverted.
func TailsConfirm(every, setBack time.Duration) func(*bus.Config) {
	return tuned(func(t *tuning.Tuning) { t.ConfirmEvery, t.SetBack = every, setBack })
}

// FollowersCheck sets how long a follower relies on its last check of the log.
func FollowersCheck(every time.Duration) func(*bus.Config) {
	return tuned(func(t *tuning.Tuning) { t.Recheck = every })
}

func tuned(edit func(*tuning.Tuning)) func(*bus.Config) {
	return func(cfg *bus.Config) {
		t := tuning.Default()
		if cfg.Tuning != nil {
			t = *cfg.Tuning
		}
		edit(&t)
		cfg.Tuning = &t
	}
}

// Distort makes a connection receive the result of edit instead of each stream's description.
func Distort(edit func(*jetstream.StreamInfo) error) func(*bus.Config) {
	return tuned(func(t *tuning.Tuning) {
		t.JetStream = func(js jetstream.JetStream) jetstream.JetStream { return distorted{js, edit} }
	})
}

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
