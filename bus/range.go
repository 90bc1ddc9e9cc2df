package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Bounds of one answer to [Conn.Range]: messages, and bytes after which no other is sent.
const (
	rangeMessages = 256
	rangeBytes    = 1 << 20
)

// ErrStop, returned by the function that [Conn.Range] calls, ends the reading without an error.
var ErrStop = errors.New("enough was read")

// Range calls apply with each message of a subject, or of those that a wildcard matches, whose sequence is
// from first to last, in order. It leaves no consumer behind and holds a few hundred messages at a time. The
// stream must allow direct gets; any replica answers, so that the newest messages may be missing: see
// [Conn.NextAfter].
func (c *Conn) Range(ctx context.Context, stream, subject string, first, last uint64, apply func(*Msg) error) error {
	inbox := c.nc.NewInbox()
	answers, err := c.nc.SubscribeSync(inbox)
	if err != nil {
		return fmt.Errorf("read %s: %w", stream, err)
	}
	defer func() { _ = answers.Unsubscribe() }()
	for first <= last {
		next, err := c.rangeOnce(ctx, answers, stream, subject, first, last, apply)
		switch {
		case errors.Is(err, ErrStop):
			return nil
		case err != nil:
			return fmt.Errorf("read %s from %d: %w", stream, first, err)
		case next == 0:
			return nil
		}
		first = next
	}
	return nil
}

// rangeOnce reads one answer and gives the sequence to go on from; 0 where there is no more.
func (c *Conn) rangeOnce(ctx context.Context, answers *nats.Subscription, stream, subject string, first, last uint64, apply func(*Msg) error) (uint64, error) {
	question, err := json.Marshal(struct {
		Seq      uint64 `json:"seq"`
		Next     string `json:"next_by_subj"`
		Batch    uint64 `json:"batch"`
		MaxBytes int    `json:"max_bytes"`
	}{first, subject, min(rangeMessages, last-first+1), rangeBytes})
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if err := c.nc.PublishMsg(&nats.Msg{Subject: "$JS.API.DIRECT.GET." + stream, Reply: answers.Subject, Data: question}); err != nil {
		return 0, err
	}
	seen := uint64(0)
	for {
		r, err := answers.NextMsgWithContext(ctx)
		if err != nil {
			return 0, err
		}
		switch status := r.Header.Get("Status"); status {
		case "":
		case "404":
			return 0, nil
		case "204": // the end of the answer
			if r.Header.Get("Nats-Num-Pending") == "0" || seen == 0 {
				return 0, nil
			}
			return seen + 1, nil
		default:
			return 0, fmt.Errorf("status %s %s", status, r.Header.Get("Description"))
		}
		m, err := fromDirect(r)
		if err != nil {
			return 0, err
		}
		m.Stream = stream
		if seen = m.Seq; m.Seq > last {
			return 0, nil
		}
		if err := apply(m); err != nil {
			return 0, err
		}
	}
}

// fromDirect reads a message as a direct get answers it.
func fromDirect(r *nats.Msg) (*Msg, error) {
	seq, err1 := strconv.ParseUint(r.Header.Get(jetstream.SequenceHeader), 10, 64)
	at, err2 := time.Parse(time.RFC3339Nano, r.Header.Get(jetstream.TimeStampHeaer))
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return &Msg{Subject: r.Header.Get(jetstream.SubjectHeader), Header: r.Header, Data: r.Data, Seq: seq, Time: at}, nil
}

// FirstSince asks a stream's leader for the sequence of the first message that was stored at a time or later
// and whose subject matches; 0 where there is none.
func (c *Conn) FirstSince(ctx context.Context, stream, filter string, at time.Time) (uint64, error) {
	question, err := json.Marshal(struct {
		Time      time.Time `json:"start_time"`
		Next      string    `json:"next_by_subj"`
		NoHeaders bool      `json:"no_hdr"`
	}{at, filter, true})
	if err != nil {
		return 0, err
	}
	seq, err := c.ask(ctx, stream, question)
	if err != nil {
		return 0, fmt.Errorf("what came after %v in %s: %w", at, stream, err)
	}
	return seq, nil
}

// At reads the message of a sequence, or [ErrNotFound]. The stream must allow direct gets; any replica answers.
func (c *Conn) At(ctx context.Context, stream string, seq uint64) (*Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	question, err := json.Marshal(map[string]uint64{"seq": seq})
	if err != nil {
		return nil, err
	}
	r, err := c.nc.RequestWithContext(ctx, "$JS.API.DIRECT.GET."+stream, question)
	if err != nil {
		return nil, fmt.Errorf("message %d of %s: %w", seq, stream, err)
	}
	if status := r.Header.Get("Status"); status == "404" {
		return nil, fmt.Errorf("message %d of %s: %w", seq, stream, ErrNotFound)
	} else if status != "" {
		return nil, fmt.Errorf("message %d of %s: status %s %s", seq, stream, status, r.Header.Get("Description"))
	}
	m, err := fromDirect(r)
	if err != nil {
		return nil, fmt.Errorf("message %d of %s: %w", seq, stream, err)
	}
	m.Stream = stream
	return m, nil
}
