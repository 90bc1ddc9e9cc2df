package device

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// commands sends commands to the registry and gathers its answers. It is used by one goroutine.
type commands struct {
	s       *API
	account proto.Account
	inbox   string // the answer to command n comes to inbox.n
	answers *nats.Subscription
	sent    int
	waiting map[int]sentCommand
	total   proto.CommandAnswer
	refused func(line int, r proto.Refusal) // of each device that the registry refuses
	more    func(n int)                     // of refused devices that it only counts
}

// sentCommand is a command that awaits its answer.
type sentCommand struct {
	lines map[proto.ID]int // of each of its devices
	rows  int              // more than lines where a device is there twice
}

// commandsInFlight bounds the commands that are sent and not answered.
const commandsInFlight = 8

func (s *API) NewCommands(a proto.Account) (*commands, error) {
	inbox := s.store.Conn.CommandInbox()
	answers, err := s.store.Conn.NATS().SubscribeSync(inbox + ".*")
	if err != nil {
		return nil, fmt.Errorf("listen for the registry's answers: %w", err)
	}
	return &commands{s: s, account: a, inbox: inbox, answers: answers, waiting: map[int]sentCommand{},
		refused: func(int, proto.Refusal) {}, more: func(int) {}}, nil
}

// send stores a command, once there is room for it. lines says which line each of its devices is from.
func (c *commands) send(ctx context.Context, command *proto.Command, lines map[proto.ID]int) error {
	for len(c.waiting) >= commandsInFlight {
		if err := c.receive(ctx); err != nil {
			return err
		}
	}
	// It counts as waiting before it is stored: where the bus does not say whether it was, it may have been.
	n := c.sent
	c.sent++
	c.waiting[n] = sentCommand{lines, len(command.Upsert)}
	_, err := c.s.store.Conn.Publish(ctx, bus.Outgoing{
		Subject: topology.Command(c.account), Body: command,
		Header: nats.Header{proto.HeaderReplyTo: {c.inbox + "." + strconv.Itoa(n)}},
	})
	return err
}

// receive waits for the next answer.
func (c *commands) receive(ctx context.Context) error {
	bounded, cancel := context.WithTimeoutCause(ctx, c.s.answerTimeout, errNoAnswer)
	defer cancel()
	for {
		m, err := c.answers.NextMsgWithContext(bounded)
		if err != nil {
			if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
				return errUnanswered(errNoAnswer)
			}
			return err
		}
		n, err := strconv.Atoi(m.Subject[strings.LastIndexByte(m.Subject, '.')+1:])
		sent, expected := c.waiting[n]
		if err != nil || !expected {
			continue // a command that was handled twice is answered twice
		}
		var a proto.CommandAnswer
		if err := proto.Unmarshal(m.Data, &a); err != nil {
			return fmt.Errorf("answer of the registry: %w", err)
		}
		delete(c.waiting, n)
		c.total.Enrolled += a.Enrolled
		c.total.Updated += a.Updated
		c.total.Unchanged += a.Unchanged
		c.total.Removed += a.Removed
		c.total.Absent += a.Absent
		for _, r := range a.Refused {
			c.refused(sent.lines[r.Device], r)
		}
		c.more(a.RefusedMore)
		return c.whole(sent, a.Error)
	}
}

// whole takes the refusal of a whole command: it is one of each of its devices, or, where none has a line,
// of the request.
func (c *commands) whole(sent sentCommand, why *proto.Error) error {
	switch {
	case why == nil:
		return nil
	case len(sent.lines) == 0:
		return v4.Errorf(http.StatusConflict, v4.CodeConflict, "%s", why.Message)
	}
	for device, line := range sent.lines {
		c.refused(line, proto.Refusal{Device: device, Error: why})
	}
	c.more(sent.rows - len(sent.lines))
	return nil
}

// finish waits until every command is answered.
func (c *commands) finish(ctx context.Context) error {
	for len(c.waiting) > 0 {
		if err := c.receive(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *commands) Close() { _ = c.answers.Unsubscribe() }
