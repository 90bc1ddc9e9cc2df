package bus

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/topology"
)

// Usage is what a stream holds, as reported by its leader.
type Usage struct {
	Messages uint64
	Bytes    uint64        // compressed size on each of its servers
	MaxBytes int64         // limit of Bytes; 0: none
	MaxAge   time.Duration // of a message; 0: no limit
	// Queue reports that the stream is a work queue: its messages wait for a service or are being handled.
	Queue bool
	// Oldest and Newest are when the first and the last message were stored; zero for an empty stream.
	Oldest, Newest time.Time
	// Replicas is the number of servers that hold the stream, and Current how many of them are up to date.
	Replicas, Current int
	// Unreadable is the sequence of the newest message that the last check of the store could not read, and that the
	// stream's limits have not removed since; 0: none.
	Unreadable uint64
	At         time.Time // when the leader answered, by its clock
}

// Age returns how old the oldest message is, by the leader's clock; 0 for an empty stream.
func (u *Usage) Age() time.Duration {
	if u.Messages == 0 || u.Oldest.IsZero() {
		return 0
	}
	return max(0, u.At.Sub(u.Oldest))
}

// Usage asks a stream's leader what the stream holds.
func (c *Conn) Usage(ctx context.Context, stream string) (Usage, error) {
	s, err := c.JetStreamOf(stream).Stream(ctx, stream)
	if err != nil {
		return Usage{}, fmt.Errorf("usage of %s: %w", stream, translate(err))
	}
	return usageOf(s.CachedInfo()), nil
}

func usageOf(info *jetstream.StreamInfo) Usage {
	u := Usage{Messages: info.State.Msgs, Bytes: info.State.Bytes, MaxBytes: max(0, info.Config.MaxBytes),
		MaxAge: info.Config.MaxAge, Queue: info.Config.Retention == jetstream.WorkQueuePolicy,
		Replicas: max(1, info.Config.Replicas), Current: 1, At: info.TimeStamp}
	if u.Messages > 0 {
		u.Oldest, u.Newest = info.State.FirstTime, info.State.LastTime
	}
	if info.Cluster != nil {
		for _, peer := range info.Cluster.Replicas {
			if peer.Current && !peer.Offline {
				u.Current++
			}
		}
	}
	// The operator writes the note. A note of another version may not be a number.
	seq, err := strconv.ParseUint(info.Config.Metadata[topology.NoteUnreadable], 10, 64)
	if err == nil && seq >= info.State.FirstSeq && u.Messages > 0 {
		u.Unreadable = seq
	}
	return u
}

// Server returns the name and the version of the connected server; empty while disconnected.
func (c *Conn) Server() (name, version string) {
	return c.nc.ConnectedServerName(), c.nc.ConnectedServerVersion()
}

// RoundTrip returns how long a message to the connected server and back takes.
func (c *Conn) RoundTrip() (time.Duration, error) { return c.nc.RTT() }
