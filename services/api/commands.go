package api

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
)

// commands sends commands to the registry and gathers its answers. It is used by one goroutine.
type commands struct {
	s       *Service
	account proto.Account
	inbox   string // the answer to command n comes to inbox.n
	answers *nats.Subscription
	sent    int
	waiting map[int]map[proto.ID]int // by command: the line of each of its devices
	total   proto.CommandAnswer
	refused func(line int, r proto.Refusal) // of each device that the registry refuses
	more    func(n int)                     // of refused devices that it only counts
}

// commandsInFlight bounds the commands that are sent and not answered.
const commandsInFlight = 8

func (s *Service) newCommands(a proto.Account) (*commands, error) {
	nc := s.conn.NATS()
	inbox := nc.NewInbox()
	answers, err := nc.SubscribeSync(inbox + ".*")
	if err != nil {
		return nil, fmt.Errorf("listen for the registry's answers: %w", err)
	}
	return &commands{s: s, account: a, inbox: inbox, answers: answers, waiting: map[int]map[proto.ID]int{},
		refused: func(int, proto.Refusal) {}, more: func(int) {}}, nil
}

// send stores a command, once there is room for it. lines says which line each of its devices is from.
func (c *commands) send(ctx context.Context, command *proto.Command, lines map[proto.ID]int) error {
	for len(c.waiting) >= commandsInFlight {
		if err := c.receive(ctx); err != nil {
			return err
		}
	}
	n := c.sent
	_, err := c.s.conn.Publish(ctx, bus.Outgoing{
		Subject: topology.Command(c.account), Body: command,
		Header: nats.Header{proto.HeaderReplyTo: {c.inbox + "." + strconv.Itoa(n)}},
	})
	if err != nil {
		return err
	}
	c.sent++
	c.waiting[n] = lines
	return nil
}

// receive waits for the next answer.
func (c *commands) receive(ctx context.Context) error {
	bounded, cancel := context.WithTimeoutCause(ctx, c.s.cfg.AnswerTimeout, errNoAnswer)
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
		lines, expected := c.waiting[n]
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
			c.refused(lines[r.Device], r)
		}
		c.more(a.RefusedMore)
		return c.whole(lines, a.Error)
	}
}

// whole takes the refusal of a whole command: it is one of each of its devices, or, where none has a line,
// of the request.
func (c *commands) whole(lines map[proto.ID]int, why *proto.Error) error {
	switch {
	case why == nil:
		return nil
	case len(lines) == 0:
		return refuse(http.StatusConflict, codeConflict, "%s", why.Message)
	}
	for device, line := range lines {
		c.refused(line, proto.Refusal{Device: device, Error: why})
	}
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

func (c *commands) close() { _ = c.answers.Unsubscribe() }
