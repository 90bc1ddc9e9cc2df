package bus

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// What is sent to settle a message (ADR-15).
var (
	ackBody      = []byte("+ACK")
	nakBody      = []byte("-NAK")
	progressBody = []byte("+WPI")
)

// delivery is a message that a consumer handed out and that has to be settled.
type delivery struct {
	*Msg
	nc      *nats.Conn
	settle  string // subject of acknowledgements
	pending uint64 // messages that the consumer has yet to hand out
	handed  uint64 // sequence among the consumer's deliveries
}

func newDelivery(nc *nats.Conn, m *nats.Msg) (*delivery, error) {
	meta, err := m.Metadata()
	if err != nil {
		return nil, fmt.Errorf("message of %s without metadata: %w", m.Subject, err)
	}
	return &delivery{
		Msg: &Msg{Subject: m.Subject, Header: m.Header, Data: m.Data, Stream: meta.Stream, Seq: meta.Sequence.Stream,
			Time: meta.Timestamp, Delivered: int(meta.NumDelivered)},
		nc: nc, settle: m.Reply, pending: meta.NumPending, handed: meta.Sequence.Consumer,
	}, nil
}

// ack returns once the server has confirmed that the message is acknowledged.
func (d *delivery) ack(ctx context.Context) error {
	_, err := d.nc.RequestWithContext(ctx, d.settle, ackBody)
	return err
}

// renew prolongs the claim on the message by the consumer's AckWait.
func (d *delivery) renew() { _ = d.nc.Publish(d.settle, progressBody) }

// giveBack lets another have the message at once.
func (d *delivery) giveBack() { _ = d.nc.Publish(d.settle, nakBody) }

// retryIn has the message redelivered after a delay.
func (d *delivery) retryIn(delay time.Duration) {
	_ = d.nc.Publish(d.settle, fmt.Appendf(nil, `-NAK {"delay": %d}`, delay.Nanoseconds()))
}

// terminate ends the redelivery of the message.
func (d *delivery) terminate(reason string) { _ = d.nc.Publish(d.settle, []byte("+TERM "+reason)) }
