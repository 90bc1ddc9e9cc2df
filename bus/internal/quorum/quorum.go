// Package quorum derives from a stream's description whether its leader may still be replaced by another one.
package quorum

import (
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrNone is returned if a leader has not had contact with a majority of the replicas since it started.
var ErrNone = errors.New("its leader has not heard from a majority of the replicas")

// Heard returns how long ago a stream's leader last had contact with a majority of its replicas.
func Heard(c *jetstream.ClusterInfo) (time.Duration, error) {
	if c == nil || len(c.Replicas) == 0 {
		return 0, nil
	}
	var heard []time.Duration
	for _, r := range c.Replicas {
		// Active is also 0 for a replica without any contact so far.
		if r.Active > 0 || r.Current && !r.Offline {
			heard = append(heard, r.Active)
		}
	}
	// The leader counts towards the majority.
	needed := (len(c.Replicas) + 1) / 2
	if len(heard) < needed {
		return 0, ErrNone
	}
	slices.Sort(heard)
	return heard[needed-1], nil
}
