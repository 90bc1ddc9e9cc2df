package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Position is where a stream stands, in the words of its leader.
type Position struct {
	Last    uint64    // the sequence of its newest message, also of one that is gone
	Created time.Time // another time is another stream of the same name
	// Heard is how long ago the leader last heard from so many replicas that, with itself, they are a majority:
	// until then nobody else can have led the stream. A leader that is cut off goes on answering for up to 20 s.
	// It is about a second at most while all is well, and 0 where a single server keeps the stream.
	Heard time.Duration
}

// Position asks a stream's leader how far the stream is. A replica that fell behind does not answer. It fails
// where the leader has never heard from a majority.
func (c *Conn) Position(ctx context.Context, stream string) (Position, error) {
	s, err := c.JetStreamOf(stream).Stream(ctx, stream)
	if err != nil {
		return Position{}, fmt.Errorf("position of %s: %w", stream, translate(err))
	}
	info := s.CachedInfo()
	heard, err := heardMajority(info.Cluster)
	if err != nil {
		return Position{}, fmt.Errorf("position of %s: %w", stream, err)
	}
	return Position{Last: info.State.LastSeq, Created: info.Created, Heard: heard}, nil
}

// errNoMajority is a leader that has not heard from enough replicas since it began.
var errNoMajority = errors.New("its leader has not heard from a majority of the replicas")

// heardMajority is how long ago a stream's leader last heard from a majority of its replicas.
func heardMajority(c *jetstream.ClusterInfo) (time.Duration, error) {
	if c == nil || len(c.Replicas) == 0 {
		return 0, nil
	}
	var heard []time.Duration
	for _, r := range c.Replicas {
		// One that was never heard from has 0 as well.
		if r.Active > 0 || r.Current && !r.Offline {
			heard = append(heard, r.Active)
		}
	}
	// The leader is one of the majority.
	needed := (len(c.Replicas) + 1) / 2
	if len(heard) < needed {
		return 0, errNoMajority
	}
	slices.Sort(heard)
	return heard[needed-1], nil
}

// NextAfter asks a stream's leader for the sequence of the first message after one whose subject matches; 0
// where there is none. With [Conn.Position] it tells whether somebody who reads only some of a stream's
// subjects has read all of it that there is: unlike a direct get it is not answered by a replica that fell
// behind.
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
		return 0, fmt.Errorf("what comes after %d in %s: %w", after, stream, err)
	case seq != 0 && seq <= after:
		return 0, fmt.Errorf("what comes after %d in %s: the answer names message %d", after, stream, seq)
	}
	return seq, nil
}

// ask asks a stream's leader for a message and gives its sequence; 0 where there is none.
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
	case answer.Error != nil && answer.Error.ErrorCode == codeNoMessage:
		return 0, nil
	case answer.Error != nil:
		return 0, translate(answer.Error)
	}
	return answer.Message.Seq, nil
}
