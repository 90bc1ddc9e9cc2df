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

// Bounds of one batch: messages, and bytes after which the server sends no other message.
const (
	batchMessages = 256
	batchBytes    = 4 << 20
)

// answerTimeout is how long a batch may be silent before it counts as lost.
const answerTimeout = 2 * time.Second

// errIncomplete is a batch of which a message was lost on its way.
var errIncomplete = errors.New("the answer is incomplete")

// errBadHeader is an answer with headers that cannot be read: those of the stored message, and so what the server
// added to them, the message's sequence for instance.
var errBadHeader = errors.New("a message has headers that cannot be read")

// batch is the end of a batched direct get.
type batch struct {
	last uint64 // sequence of its last message; 0 if it had none
	more bool   // the replica that answered holds further messages
}

// directBatch calls each with the messages of a stream whose subject matches, from the sequence first on, as
// many as one batch holds (ADR-31). Any replica answers, so the newest messages may be missing. Every batch has
// an inbox of its own, which is gone when directBatch returns. A message that was lost on its way is an error:
// each one names its predecessor.
func (c *Conn) directBatch(ctx context.Context, stream, filter string, first uint64, most int, each func(*Msg) error) (batch, error) {
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
				silent.Reset(answerTimeout) // each took longer than that
				continue
			}
			return batch{}, nats.ErrTimeout
		case <-ctx.Done():
			return batch{}, context.Cause(ctx)
		}
		silent.Reset(answerTimeout)
		if r.Header == nil {
			return end, errBadHeader
		}
		m, err := fromDirect(r)
		if err != nil {
			return batch{}, err
		}
		if previous := lastValue(r.Header, jetstream.LastSequenceHeader); previous != strconv.FormatUint(end.last, 10) && (m != nil || !noMessage(r)) {
			return batch{}, fmt.Errorf("%w: after message %d comes one after %q", errIncomplete, end.last, previous)
		}
		if m == nil {
			end.more = end.last != 0 && lastValue(r.Header, numPending) != "0"
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
	// numPending is how many messages of the subject come after one of a batch.
	numPending = "Nats-Num-Pending"
)

// noMessage reports whether an answer says that there is no message.
func noMessage(r *nats.Msg) bool { return r.Header.Get(statusHeader) == "404" }

const statusHeader = "Status"

// fromDirect reads an answer to a direct get. The message is nil if there is none, or no other one. A stored
// message may have headers of the names that the server adds to its answer: the server's come last, and an
// answer without a message has no subject.
func fromDirect(r *nats.Msg) (*Msg, error) {
	subject := lastValue(r.Header, jetstream.SubjectHeader)
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
	seq, err1 := strconv.ParseUint(lastValue(r.Header, jetstream.SequenceHeader), 10, 64)
	at, err2 := time.Parse(time.RFC3339Nano, lastValue(r.Header, jetstream.TimeStampHeaer))
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return &Msg{Subject: subject, Header: r.Header, Data: r.Data, Seq: seq, Time: at}, nil
}

// lastValue is a header's last value.
func lastValue(h nats.Header, name string) string {
	values := h[name]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// read is directBatch, with a way past a message whose headers cannot be read: the leader gives headers apart.
func (c *Conn) read(ctx context.Context, stream, filter string, first uint64, most int, each func(*Msg) error) (batch, error) {
	end, err := c.directBatch(ctx, stream, filter, first, most, each)
	if !errors.Is(err, errBadHeader) {
		return end, err
	}
	m, err := c.leaderNext(ctx, stream, filter, max(first-1, end.last))
	if err != nil {
		return batch{}, err
	}
	if err := each(m); err != nil {
		return batch{}, err
	}
	return batch{last: m.Seq, more: true}, nil
}

// leaderNext reads the first message after a sequence whose subject matches from the stream's leader;
// [ErrNotFound] if there is none.
func (c *Conn) leaderNext(ctx context.Context, stream, filter string, after uint64) (*Msg, error) {
	question, err := json.Marshal(struct {
		Seq  uint64 `json:"seq"`
		Next string `json:"next_by_subj"`
	}{after + 1, filter})
	if err != nil {
		return nil, err
	}
	m, err := c.leaderMessage(ctx, stream, question)
	if err == nil && m.Seq <= after {
		return nil, fmt.Errorf("the answer names message %d", m.Seq)
	}
	return m, err
}

// LeaderLast reads the newest message of a subject from the stream's leader, or [ErrNotFound]. Unlike [Conn.Last] it
// is not answered by a replica that is behind. A message in a block that cannot be read is an error of the server.
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
			m.Header = nats.Header{badHeader: {err.Error()}}
		}
	}
	return m, nil
}

// badHeader marks a message whose headers cannot be read.
const badHeader = "Plumb-Bad-Header"

const messageGet = "$JS.API.STREAM.MSG.GET."
