package pull

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus/message"
)

// Bodies of the replies settling a message (ADR-15).
var (
	ackBody      = []byte("+ACK")
	nakBody      = []byte("-NAK")
	progressBody = []byte("+WPI")
)

// Delivery is a message delivered by a consumer and not yet settled.
type Delivery struct {
	*message.Msg
	nc      *nats.Conn
	settle  string // subject of acknowledgements
	Pending uint64 // messages the consumer has yet to deliver
	handed  uint64 // sequence among the consumer's deliveries
}

// NewDelivery returns a delivery of a message received over a connection.
func NewDelivery(nc *nats.Conn, m *nats.Msg) (*Delivery, error) {
	meta, err := m.Metadata()
	if err != nil {
		return nil, fmt.Errorf("message of %s without metadata: %w", m.Subject, err)
	}
	return &Delivery{
		Msg: &message.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data, Stream: meta.Stream, Seq: meta.Sequence.Stream,
			Time: meta.Timestamp, Delivered: int(meta.NumDelivered)},
		nc: nc, settle: m.Reply, Pending: meta.NumPending, handed: meta.Sequence.Consumer,
	}, nil
}

// Ack acknowledges the message and waits for the server's confirmation.
func (d *Delivery) Ack(ctx context.Context) error {
	_, err := d.nc.RequestWithContext(ctx, d.settle, ackBody)
	return err
}

// Renew extends the acknowledgement deadline of the message by the consumer's AckWait.
func (d *Delivery) Renew() { _ = d.nc.Publish(d.settle, progressBody) }

// GiveBack returns the message to the server for immediate redelivery.
func (d *Delivery) GiveBack() { _ = d.nc.Publish(d.settle, nakBody) }

// RetryIn requests redelivery of the message after a delay.
func (d *Delivery) RetryIn(delay time.Duration) {
	_ = d.nc.Publish(d.settle, fmt.Appendf(nil, `-NAK {"delay": %d}`, delay.Nanoseconds()))
}

// Terminate ends the redelivery of the message.
func (d *Delivery) Terminate(reason string) { _ = d.nc.Publish(d.settle, []byte("+TERM "+reason)) }
