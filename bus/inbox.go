package bus

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
	"plumbline.dev/proto"
)

// Inbox receives the registry's replies to commands. It must be used by one goroutine only.
type Inbox struct {
	// Subject is the prefix of the reply subjects: a reply to Subject.x arrives, for any token x.
	Subject string
	sub     *nats.Subscription
}

// CommandReplies subscribes to replies of the registry. The caller must call [Inbox.Close].
func (c *Conn) CommandReplies() (*Inbox, error) {
	in := &Inbox{Subject: c.CommandInbox()}
	var err error
	if in.sub, err = c.nc.SubscribeSync(in.Subject + ".*"); err != nil {
		return nil, fmt.Errorf("listen for the registry's replies: %w", err)
	}
	return in, nil
}

// Next waits for a reply. The error is the one of ctx, or about the connection.
func (in *Inbox) Next(ctx context.Context) (*Msg, error) {
	m, err := in.sub.NextMsgWithContext(ctx)
	if err != nil {
		return nil, err
	}
	return &Msg{Subject: m.Subject, Header: m.Header, Data: m.Data}, nil
}

// Close ends the subscription.
func (in *Inbox) Close() { _ = in.sub.Unsubscribe() }

// Send sends a message that no stream stores, such as a reply. A receiver gets it at most once.
func (c *Conn) Send(subject string, body proto.Message) error {
	m, err := (&Outgoing{Subject: subject, Body: body}).msg(context.Background())
	if err != nil {
		return err
	}
	return c.nc.PublishMsg(m)
}
