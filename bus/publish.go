package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Outgoing is a message to be stored.
type Outgoing struct {
	Subject string
	Body    proto.Message // nil means empty, without a schema
	// Encoded is the result of [proto.Marshal] for Body; nil means that it is encoded when it is sent.
	Encoded []byte
	// MsgID is the deduplication ID: the server drops a repetition within [topology.Duplicates].
	MsgID string
	// ExpectLast, if not nil, is the expected sequence of the subject's newest message; 0 means that the subject must
	// be empty.
	ExpectLast *uint64
	// TTL is how long the stream, which must allow it, keeps the message; 0 means as long as its limits say.
	TTL    time.Duration
	Header Header // added to the bus's own
}

// Expect returns a value for [Outgoing.ExpectLast].
func Expect(seq uint64) *uint64 { return &seq }

// ChangeMsg returns the message of a change. It stands in one batch with the change's entry, c.Index messages after it.
func ChangeMsg(c *proto.Change) Outgoing {
	return Outgoing{Subject: topology.Change(c.Account, c.Check, c.Outcome, topology.PageNumber(c.Page)), Body: c}
}

// Ack is the server's confirmation that a message is stored.
type Ack struct {
	Seq       uint64
	Duplicate bool // already stored under the same MsgID
}

func (o *Outgoing) msg(ctx context.Context) (*nats.Msg, error) {
	h := nats.Header{}
	for k, v := range o.Header {
		h[k] = v
	}
	var data []byte
	if o.Body != nil {
		var err error
		if data = o.Encoded; data == nil {
			if data, err = proto.Marshal(o.Body); err != nil {
				return nil, err
			}
		}
		h.Set(proto.HeaderSchema, o.Body.Schema().String())
		h.Set(proto.HeaderContentType, proto.ContentType)
	}
	propagator.Inject(ctx, headerCarrier(h))
	if o.MsgID != "" {
		h.Set(jetstream.MsgIDHeader, o.MsgID)
	}
	if o.TTL != 0 {
		h.Set(jetstream.MsgTTLHeader, o.TTL.String())
	}
	if o.ExpectLast != nil {
		h.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(*o.ExpectLast, 10))
	}
	return &nats.Msg{Subject: o.Subject, Header: h, Data: data}, nil
}

// Forward stores a message that this build cannot decode under another subject, with its body and schema.
func (c *Conn) Forward(ctx context.Context, subject string, m *Msg) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	out := &nats.Msg{Subject: subject, Header: nats.Header{}, Data: m.Data}
	for _, name := range []string{proto.HeaderSchema, proto.HeaderContentType} {
		if v := m.Header.Get(name); v != "" {
			out.Header.Set(name, v)
		}
	}
	_, err := c.js.PublishMsg(ctx, out)
	if err = c.wrote(subject, translate(err)); err != nil {
		return fmt.Errorf("forward %s to %s: %w", m.Subject, subject, err)
	}
	return nil
}

// publishTimeout limits a write if the caller's context has a later deadline.
const publishTimeout = 10 * time.Second

// Publish stores one message and returns after the server's confirmation. The error is [ErrConflict], [ErrOccupied]
// or about the bus.
func (c *Conn) Publish(ctx context.Context, o Outgoing) (Ack, error) {
	m, err := o.msg(ctx)
	if err != nil {
		return Ack{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	ack, err := c.js.PublishMsg(ctx, m)
	if err = c.wrote(o.Subject, translate(err)); err != nil {
		return Ack{}, fmt.Errorf("publish %s: %w", o.Subject, err)
	}
	return Ack{Seq: ack.Sequence, Duplicate: ack.Duplicate}, nil
}

// PublishAll stores any number of messages concurrently and returns their errors in the same order, or nil if all are
// stored. After ctx has ended it sends no more messages. Messages sent without a confirmation may or may not be
// stored.
func (c *Conn) PublishAll(ctx context.Context, all []Outgoing) []error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout+time.Duration(len(all))*time.Millisecond)
	defer cancel()
	errs := make([]error, len(all))
	futures := make([]jetstream.PubAckFuture, len(all))
	failed := false
	for i := range all {
		m, err := all[i].msg(ctx)
		if err == nil {
			futures[i], err = c.send(ctx, m)
		}
		if err != nil {
			errs[i], failed = fmt.Errorf("publish %s: %w", all[i].Subject, translate(err)), true
		}
	}
	for i, f := range futures {
		if f == nil {
			continue
		}
		var err error
		select {
		case <-f.Ok():
			_ = c.wrote(all[i].Subject, nil)
			continue
		case err = <-f.Err():
		case <-ctx.Done():
			err = ctx.Err()
		}
		errs[i], failed = fmt.Errorf("publish %s: %w", all[i].Subject, c.wrote(all[i].Subject, translate(err))), true
	}
	if !failed {
		return nil
	}
	return errs
}

// send sends a message without waiting for its confirmation. It blocks while too many messages are unconfirmed.
func (c *Conn) send(ctx context.Context, m *nats.Msg) (jetstream.PubAckFuture, error) {
	for ctx.Err() == nil {
		// The client's own wait does not respect the context.
		f, err := c.js.PublishMsgAsync(m, jetstream.WithStallWait(100*time.Millisecond))
		if !errors.Is(err, jetstream.ErrTooManyStalledMsgs) {
			return f, err
		}
	}
	return nil, ctx.Err()
}

// Request sends a request and decodes the answer into reply.
func (c *Conn) Request(ctx context.Context, subject string, body, reply proto.Message) error {
	m, err := (&Outgoing{Subject: subject, Body: body}).msg(ctx)
	if err != nil {
		return err
	}
	answer, err := c.nc.RequestMsgWithContext(ctx, m)
	if err != nil {
		return fmt.Errorf("request on %s: %w", subject, err)
	}
	if err := proto.Unmarshal(answer.Data, reply); err != nil {
		return fmt.Errorf("reply on %s: %w", subject, err)
	}
	return nil
}
