package device

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	v4 "plumbline.dev/services/api/v4"
)

// registryCommands sends commands to the registry and collects its answers. It must be used by one goroutine only.
type registryCommands struct {
	s       *API
	account proto.Account
	inbox   *bus.Inbox // command n is answered at inbox.Subject.n
	sent    int
	waiting map[int]sentCommand
	total   proto.CommandAnswer
	refused func(line int, r proto.Refusal) // called for each device that the registry rejects
	more    func(n int)                     // called with the number of rejected devices that the answer does not list
}

// sentCommand is a command without an answer yet.
type sentCommand struct {
	lines map[proto.ID]int // line of each device
	rows  int              // more than len(lines) if a device is repeated
}

// commandsInFlight bounds the unanswered commands.
const commandsInFlight = 8

// newCommands subscribes to the registry's answers. The caller must call Close on the result.
func (s *API) newCommands(a proto.Account) (*registryCommands, error) {
	inbox, err := s.store.Conn.CommandReplies()
	if err != nil {
		return nil, err
	}
	return &registryCommands{s: s, account: a, inbox: inbox, waiting: map[int]sentCommand{},
		refused: func(int, proto.Refusal) {}, more: func(int) {}}, nil
}

// send stores a command; it waits while too many are unanswered. lines holds the line number of each device.
func (c *registryCommands) send(ctx context.Context, command *proto.Command, lines map[proto.ID]int) error {
	for len(c.waiting) >= commandsInFlight {
		if err := c.receive(ctx); err != nil {
			return err
		}
	}
	// Count it as waiting before it is stored: after an error, the bus may have stored it all the same.
	n := c.sent
	c.sent++
	c.waiting[n] = sentCommand{lines, len(command.Upsert)}
	_, err := c.s.store.Conn.Publish(ctx, bus.Outgoing{
		Subject: topology.Command(c.account), Body: command,
		Header: bus.Header{proto.HeaderReplyTo: {c.inbox.Subject + "." + strconv.Itoa(n)}},
	})
	return err
}

// receive waits for the next answer.
func (c *registryCommands) receive(ctx context.Context) error {
	bounded, cancel := context.WithTimeoutCause(ctx, c.s.answerTimeout, errNoAnswer)
	defer cancel()
	for {
		m, err := c.inbox.Next(bounded)
		if err != nil {
			if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
				return errUnanswered(errNoAnswer)
			}
			return err
		}
		n, err := strconv.Atoi(m.Subject[strings.LastIndexByte(m.Subject, '.')+1:])
		sent, expected := c.waiting[n]
		if err != nil || !expected {
			continue // a command that was handled twice has two answers
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

// whole handles the rejection of a whole command: each of its devices is rejected, or the request itself if no device
// has a line.
func (c *registryCommands) whole(sent sentCommand, why *proto.Error) error {
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
func (c *registryCommands) finish(ctx context.Context) error {
	for len(c.waiting) > 0 {
		if err := c.receive(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the subscription to answers.
func (c *registryCommands) Close() { c.inbox.Close() }
