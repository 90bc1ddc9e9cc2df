package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/internal/quorum"
	"plumbline.dev/bus/servererr"
)

// Position is the state of a stream as reported by its leader.
type Position struct {
	Last    uint64    // the sequence of the newest message, even if it was deleted
	Created time.Time // a different time means a different stream of the same name
	// Heard is how long ago the leader last had contact with a majority of the replicas, including itself. Until
	// then, no other replica can have been leader. A partitioned leader answers for up to 20 s longer. Heard is
	// normally at most about 1 s, and 0 for a stream without replicas.
	Heard time.Duration
}

// Position asks a stream's leader for the current position. Lagging replicas do not answer. It fails if the leader
// has never had contact with a majority.
func (c *Conn) Position(ctx context.Context, stream string) (Position, error) {
	p, err := c.positionOf(ctx, stream)
	if err == nil && p.Heard > heardWithin {
		c.reached(quorum.ErrNone)
	} else {
		c.reached(err)
	}
	return p, err
}

func (c *Conn) positionOf(ctx context.Context, stream string) (Position, error) {
	s, err := c.JetStreamOf(stream).Stream(ctx, stream)
	if err != nil {
		return Position{}, fmt.Errorf("position of %s: %w", stream, translate(err))
	}
	info := s.CachedInfo()
	heard, err := quorum.Heard(info.Cluster)
	if err != nil {
		return Position{}, fmt.Errorf("position of %s: %w", stream, err)
	}
	return Position{Last: info.State.LastSeq, Created: info.Created, Heard: heard}, nil
}

// Extent is the range of a stream's sequences as reported by its leader.
type Extent struct {
	First, Last uint64    // the sequences of the oldest and the newest message
	At          time.Time // when the leader answered, by its clock
}

// Extent asks a stream's leader for its first and last sequence. Unlike [Conn.Position] it accepts the answer of a
// leader without a majority.
func (c *Conn) Extent(ctx context.Context, stream string) (Extent, error) {
	s, err := c.JetStreamOf(stream).Stream(ctx, stream)
	if err != nil {
		return Extent{}, fmt.Errorf("extent of %s: %w", stream, translate(err))
	}
	info := s.CachedInfo()
	return Extent{First: info.State.FirstSeq, Last: info.State.LastSeq, At: info.TimeStamp}, nil
}

// NextAfter asks a stream's leader for the sequence of the first matching message after a sequence. It returns 0 if
// there is none. Together with [Conn.Position] it shows whether a reader of some subjects has read all of them: unlike
// a direct get, it is never answered by a lagging replica.
func (c *Conn) NextAfter(ctx context.Context, stream, filter string, after uint64) (uint64, error) {
	question, err := json.Marshal(struct {
		Seq       uint64 `json:"seq"`
		Next      string `json:"next_by_subj"`
		NoHeaders bool   `json:"no_hdr"`
	}{after + 1, filter, true})
	if err != nil {
		return 0, err
	}
	seq, err := c.ask(ctx, stream, question)
	switch {
	case err != nil:
		return 0, fmt.Errorf("next message after %d in %s: %w", after, stream, err)
	case seq != 0 && seq <= after:
		return 0, fmt.Errorf("next message after %d in %s: the reply names message %d", after, stream, seq)
	}
	return seq, nil
}

// ask requests a message from a stream's leader and returns its sequence, or 0 if there is none.
func (c *Conn) ask(ctx context.Context, stream string, question []byte) (uint64, error) {
	r, err := c.nc.RequestWithContext(ctx, messageGet+stream, question)
	if err != nil {
		return 0, err
	}
	var answer struct {
		Message struct {
			Seq uint64 `json:"seq"`
		} `json:"message"`
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(r.Data, &answer); err != nil {
		return 0, err
	}
	switch {
	case answer.Error != nil && answer.Error.ErrorCode == servererr.NoMessage:
		return 0, nil
	case answer.Error != nil:
		return 0, translate(answer.Error)
	}
	return answer.Message.Seq, nil
}
