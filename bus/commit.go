package bus

import (
	"context"
	crand "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/topology"
)

// Commit atomically stores messages of one stream (ADR-50), consecutively and in order, and returns the sequence of
// the first. A batch holds at most [topology.MaxBatch] messages; MsgID is not supported in a batch. A single message
// is published without a batch.
//
// If an expectation fails, nothing is stored and the error is [ErrConflict]. If the server has too many open batches,
// Commit retries until ctx ends and then returns [ErrBusy].
func (c *Conn) Commit(ctx context.Context, all []Outgoing) (first uint64, err error) {
	switch {
	case len(all) == 0:
		return 0, nil
	case len(all) == 1:
		ack, err := c.Publish(ctx, all[0])
		return ack.Seq, err
	case len(all) > topology.MaxBatch:
		return 0, fmt.Errorf("an atomic batch of %d messages exceeds the limit of %d", len(all), topology.MaxBatch)
	}
	msgs := make([]*nats.Msg, len(all))
	for i := range all {
		if msgs[i], err = all[i].msg(ctx); err != nil {
			return 0, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	select {
	case c.open <- struct{}{}:
		defer func() { <-c.open }()
	case <-ctx.Done():
		return 0, fmt.Errorf("commit %s: %w", all[0].Subject, errors.Join(ErrBusy, ctx.Err()))
	}
	for {
		first, err = c.commitOnce(ctx, msgs)
		if !errors.Is(err, ErrBusy) {
			break
		}
		select {
		case <-time.After(time.Duration(5+rand.IntN(20)) * time.Millisecond):
			continue
		case <-ctx.Done():
		}
		break
	}
	if err = c.wrote(all[len(all)-1].Subject, err); err != nil {
		return 0, fmt.Errorf("commit %s and %d more: %w", all[0].Subject, len(all)-1, err)
	}
	return first, nil
}

// commitAnswer is the server's reply to the last message of a batch (ADR-50).
type commitAnswer struct {
	Error *jetstream.APIError `json:"error"`
	Seq   uint64              `json:"seq"`   // of the last message
	Count int                 `json:"count"` // of the messages
}

// commitOnce sends a batch. Only the first and the last message request a reply. The reply to the first detects a
// rejected batch before the rest is sent.
func (c *Conn) commitOnce(ctx context.Context, msgs []*nats.Msg) (uint64, error) {
	// All users of a stream share one set of batch ids. Past ids are visible in the headers of stored messages. The next
	// one must not be predictable: another user could commit a part of the batch.
	batch := crand.Text()
	for i, m := range msgs {
		m.Header.Set("Nats-Batch-Id", batch)
		m.Header.Set("Nats-Batch-Sequence", strconv.Itoa(i+1))
	}
	last := len(msgs) - 1
	msgs[last].Header.Set("Nats-Batch-Commit", "1")
	for i, m := range msgs[:last] {
		// Small batches skip this round trip: a rejection shows at the commit.
		if i == 0 && last > 16 {
			if answer, err := c.nc.RequestMsgWithContext(ctx, m); err != nil {
				return 0, err
			} else if err := refusal(answer.Data); err != nil {
				return 0, err
			}
			continue
		}
		if err := c.nc.PublishMsg(m); err != nil {
			return 0, err
		}
	}
	answer, err := c.nc.RequestMsgWithContext(ctx, msgs[last])
	if err != nil {
		return 0, err
	}
	if err := refusal(answer.Data); err != nil {
		return 0, err
	}
	var ack commitAnswer
	if err := json.Unmarshal(answer.Data, &ack); err != nil {
		return 0, fmt.Errorf("reply to a commit: %w", err)
	}
	if ack.Count != len(msgs) || ack.Seq < uint64(len(msgs)) {
		return 0, fmt.Errorf("the server committed %d of %d messages", ack.Count, len(msgs))
	}
	return ack.Seq - uint64(len(msgs)) + 1, nil
}

// refusal returns the error in a reply. An empty reply is not an error.
func refusal(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	var a commitAnswer
	if err := json.Unmarshal(data, &a); err != nil {
		return fmt.Errorf("reply to a batch: %w", err)
	}
	if a.Error == nil {
		return nil
	}
	return fromCode(int(a.Error.ErrorCode), a.Error)
}
