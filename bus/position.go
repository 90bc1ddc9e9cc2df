package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Position is where a stream stands, in the words of its leader.
type Position struct {
	Last    uint64    // the sequence of its newest message, also of one that is gone
	Created time.Time // another time is another stream of the same name
}

// Position asks a stream's leader how far the stream is. A replica that fell behind does not answer.
func (c *Conn) Position(ctx context.Context, stream string) (Position, error) {
	s, err := c.js.Stream(ctx, stream)
	if err != nil {
		return Position{}, fmt.Errorf("position of %s: %w", stream, translate(err))
	}
	info := s.CachedInfo()
	return Position{Last: info.State.LastSeq, Created: info.Created}, nil
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
	r, err := c.nc.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+stream, question)
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
