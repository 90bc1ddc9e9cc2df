package bus

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// Bodies of the replies settling a message (ADR-15).
var (
	ackBody      = []byte("+ACK")
	nakBody      = []byte("-NAK")
	progressBody = []byte("+WPI")
)

// delivery is a message delivered by a consumer and not yet settled.
type delivery struct {
	*Msg
	nc      *nats.Conn
	settle  string // subject of acknowledgements
	pending uint64 // messages the consumer has yet to deliver
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

// ack acknowledges the message and waits for the server's confirmation.
func (d *delivery) ack(ctx context.Context) error {
	_, err := d.nc.RequestWithContext(ctx, d.settle, ackBody)
	return err
}

// renew extends the acknowledgement deadline of the message by the consumer's AckWait.
func (d *delivery) renew() { _ = d.nc.Publish(d.settle, progressBody) }

// giveBack returns the message to the server for immediate redelivery.
func (d *delivery) giveBack() { _ = d.nc.Publish(d.settle, nakBody) }

// retryIn requests redelivery of the message after a delay.
func (d *delivery) retryIn(delay time.Duration) {
	_ = d.nc.Publish(d.settle, fmt.Appendf(nil, `-NAK {"delay": %d}`, delay.Nanoseconds()))
}

// terminate ends the redelivery of the message.
func (d *delivery) terminate(reason string) { _ = d.nc.Publish(d.settle, []byte("+TERM "+reason)) }
