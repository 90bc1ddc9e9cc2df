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
	"plumbline.dev/bus/message"
)

// Limits of one batch: the number of messages, and the number of bytes after which the server adds no more messages.
const (
	batchMessages = 256
	batchBytes    = 4 << 20
)

// answerTimeout is the longest pause between two messages of a batch before the batch counts as lost.
const answerTimeout = 2 * time.Second

// errIncomplete is returned if a message of a batch was lost in transit.
var errIncomplete = errors.New("incomplete reply")

// batch is the result of a batched direct get.
type batch struct {
	last uint64 // sequence of the last message; 0 if there was none
	more bool   // the answering replica holds further messages
}

// directBatch calls each with the matching messages of a stream, beginning at sequence first, up to the limit of one
// batch (ADR-31). Any replica may answer, so the newest messages may be missing. Every batch has its own inbox,
// removed when directBatch returns. Each message names its predecessor; if a message was lost in transit, directBatch
// returns [errIncomplete].
func (c *Conn) directBatch(
	ctx context.Context, stream, filter string, first uint64, most int, each func(*Msg) error,
) (batch, error) {
	question, err := json.Marshal(struct {
		Seq      uint64 `json:"seq"`
		Next     string `json:"next_by_subj"`
		Batch    int    `json:"batch"`
		MaxBytes int    `json:"max_bytes"`
	}{first, filter, most, batchBytes})
	if err != nil {
		return batch{}, err
	}
	inbox, answers := c.nc.NewInbox(), make(chan *nats.Msg, most+1)
	sub, err := c.nc.ChanSubscribe(inbox, answers)
	if err != nil {
		return batch{}, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := c.nc.PublishMsg(&nats.Msg{Subject: directGet + stream, Reply: inbox, Data: question}); err != nil {
		return batch{}, err
	}
	silent := time.NewTimer(answerTimeout)
	defer silent.Stop()
	var end batch
	for {
		var r *nats.Msg
		select {
		case r = <-answers:
		case <-silent.C:
			if len(answers) > 0 {
				silent.Reset(answerTimeout) // each took longer than the timeout
				continue
			}
			return batch{}, nats.ErrTimeout
		case <-ctx.Done():
			return batch{}, context.Cause(ctx)
		}
		silent.Reset(answerTimeout)
		if r.Header == nil {
			return end, message.ErrMalformed
		}
		m, err := fromDirect(r)
		if err != nil {
			return batch{}, err
		}
		previous := message.LastValue(r.Header, jetstream.LastSequenceHeader)
		if previous != strconv.FormatUint(end.last, 10) && (m != nil || !noMessage(r)) {
			return batch{}, fmt.Errorf("%w: after message %d, the next one names %q as its predecessor",
				errIncomplete, end.last, previous)
		}
		if m == nil {
			end.more = end.last != 0 && message.LastValue(r.Header, numPending) != "0"
			return end, nil
		}
		m.Stream, end.last = stream, m.Seq
		if err := each(m); err != nil {
			return batch{}, err
		}
	}
}

const (
	directGet = "$JS.API.DIRECT.GET."
	// numPending is the number of messages after this one with a matching subject.
	numPending = "Nats-Num-Pending"
)

// noMessage reports whether a reply states that there is no message.
func noMessage(r *nats.Msg) bool { return r.Header.Get(statusHeader) == "404" }

const statusHeader = "Status"

// fromDirect parses the reply to a direct get. It returns nil if there is no message, or no further one. A stored
// message may contain headers with the same names as those added by the server. The server's headers come last, and a
// reply without a message has no subject.
func fromDirect(r *nats.Msg) (*Msg, error) {
	subject := message.LastValue(r.Header, jetstream.SubjectHeader)
	if subject == "" {
		switch status := r.Header.Get(statusHeader); status {
		case "204", "404":
			return nil, nil
		case "503":
			return nil, nats.ErrNoResponders
		default:
			return nil, fmt.Errorf("status %s %s", status, r.Header.Get("Description"))
		}
	}
	seq, err1 := strconv.ParseUint(message.LastValue(r.Header, jetstream.SequenceHeader), 10, 64)
	at, err2 := time.Parse(time.RFC3339Nano, message.LastValue(r.Header, jetstream.TimeStampHeaer))
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return &Msg{Subject: subject, Header: r.Header, Data: r.Data, Seq: seq, Time: at}, nil
}

// read is like directBatch, but also reads messages with malformed headers: it requests them from the leader.
// The reply of the leader carries the headers separately.
func (c *Conn) read(
	ctx context.Context, stream, filter string, first uint64, most int, each func(*Msg) error,
) (batch, error) {
	end, err := c.directBatch(ctx, stream, filter, first, most, each)
	if !errors.Is(err, message.ErrMalformed) {
		return end, err
	}
	m, err := c.LeaderNext(ctx, stream, filter, max(first-1, end.last))
	if err != nil {
		return batch{}, err
	}
	if err := each(m); err != nil {
		return batch{}, err
	}
	return batch{last: m.Seq, more: true}, nil
}

// LeaderNext reads the first matching message after a sequence from the stream's leader, or returns [ErrNotFound].
func (c *Conn) LeaderNext(ctx context.Context, stream, filter string, after uint64) (*Msg, error) {
	question, err := json.Marshal(struct {
		Seq  uint64 `json:"seq"`
		Next string `json:"next_by_subj"`
	}{after + 1, filter})
	if err != nil {
		return nil, err
	}
	m, err := c.leaderMessage(ctx, stream, question)
	if err == nil && m.Seq <= after {
		return nil, fmt.Errorf("the reply names message %d", m.Seq)
	}
	return m, err
}

// LeaderLast reads the newest message of a subject from the stream's leader, or returns [ErrNotFound]. Unlike
// [Conn.Last] it never reads from a lagging replica. If the message is in an unreadable block, the server returns an
// error.
func (c *Conn) LeaderLast(ctx context.Context, stream, subject string) (*Msg, error) {
	question, err := json.Marshal(map[string]string{"last_by_subj": subject})
	if err != nil {
		return nil, err
	}
	m, err := c.leaderMessage(ctx, stream, question)
	if err != nil {
		return nil, fmt.Errorf("newest of %s in %s: %w", subject, stream, err)
	}
	return m, nil
}

func (c *Conn) leaderMessage(ctx context.Context, stream string, question []byte) (*Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	r, err := c.nc.RequestWithContext(ctx, messageGet+stream, question)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Message struct {
			Subject string    `json:"subject"`
			Seq     uint64    `json:"seq"`
			Header  []byte    `json:"hdrs"`
			Data    []byte    `json:"data"`
			Time    time.Time `json:"time"`
		} `json:"message"`
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(r.Data, &answer); err != nil {
		return nil, err
	}
	if answer.Error != nil {
		return nil, translate(answer.Error)
	}
	found := answer.Message
	m := &Msg{Subject: found.Subject, Data: found.Data, Stream: stream, Seq: found.Seq, Time: found.Time}
	if len(found.Header) > 0 {
		if m.Header, err = nats.DecodeHeadersMsg(found.Header); err != nil {
			m.Header = nats.Header{message.Malformed: {err.Error()}}
		}
	}
	return m, nil
}

const messageGet = "$JS.API.STREAM.MSG.GET."
