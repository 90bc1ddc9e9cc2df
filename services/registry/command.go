package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// command is a message of DEVICE_COMMANDS.
type command struct {
	proto.Command
	account  proto.Account
	seq      uint64
	storedAt proto.Millis
	replyTo  string
}

func read(m *bus.Msg) (*command, error) {
	c := &command{account: topology.AccountOf(m.Subject), seq: m.Seq, storedAt: proto.At(m.Time),
		replyTo: m.Header.Get(proto.HeaderReplyTo)}
	err := m.Decode(&c.Command)
	if err == nil && c.account.IsZero() {
		err = bus.Permanent(fmt.Errorf("%q names no account", m.Subject))
	}
	if bus.IsPermanent(err) {
		return nil, bus.Permanent(fmt.Errorf("%w: %w", &proto.Error{Code: "command_unreadable",
			Message: "The command cannot be read; send it in the form of proto.Command, to the subject of an account."}, err))
	}
	return c, err
}

// handle applies a command, part by part, and answers it. Temporary failures (the bus or the server's store is away,
// another registry committed) are retried here without a limit, and not by redelivery: an outage must not send a
// command to the dead letters.
func (s *Service) handle(ctx context.Context, m *bus.Msg) error {
	c, err := read(m)
	if err != nil {
		return err
	}
	defer s.trouble.Store(nil)
	for failures := 0; ; {
		answer, done, err := s.advance(ctx, c)
		switch {
		case err == nil && done:
			s.answer(c.replyTo, answer)
			return nil
		case err == nil:
			failures = 0
			continue
		case ctx.Err() != nil || bus.IsPermanent(err) || bus.Rejected(err):
			return err
		}
		failures++
		s.retrying(c, failures, err)
		select {
		case <-s.clock.After(pause(failures)):
		case <-ctx.Done():
			return err
		}
		if err := s.catchUp(ctx); err != nil {
			s.log.Warn("the newest revision of DEVICES cannot be read", "err", err)
		}
	}
}

// retrying logs a failure. A single conflict is expected: it is how a registry learns that another one took over.
func (s *Service) retrying(c *command, failures int, err error) {
	level := slog.LevelWarn
	if errors.Is(err, bus.ErrConflict) {
		s.metrics.conflicts.Inc()
		level = slog.LevelInfo
	}
	if failures > 3 {
		level = slog.LevelWarn
		s.trouble.Store(&err)
	}
	s.log.Log(context.Background(), level, "a command could not be applied yet, trying again",
		"seq", c.seq, "account", c.account, "failures", failures, "err", err)
}

// pause grows from 10 ms to 5 s: a conflict is over at once, an outage is not.
func pause(failures int) time.Duration {
	return min(5*time.Second, 5*time.Millisecond<<min(failures, 12))
}

// catchUp delays the next decision until the index has seen the current content of the bucket.
func (s *Service) catchUp(ctx context.Context) error {
	written, err := s.bus.Extent(ctx, topology.BucketStream(topology.Devices))
	if err != nil {
		return err
	}
	s.seen.Store(written.Last)
	return nil
}

// patience limits one wait for the index, so a hanging watch shows in the log and in Ready.
const patience = 10 * time.Second

// advance commits the next part of a command, or finds that none is left. The answer covers the parts so far, and is
// complete when done.
func (s *Service) advance(ctx context.Context, c *command) (answer proto.CommandAnswer, done bool, err error) {
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.index.await(wait, s.seen.Load()); err != nil {
		return answer, false, err
	}
	d, err := s.decide(c)
	if err != nil || d.done {
		return d.answer, d.done, err
	}
	pages, err := s.load(ctx, c.account, d.part.pages)
	if err != nil {
		return answer, false, err
	}
	before := d.answer
	before.Refused = slices.Clone(before.Refused)
	changed, err := d.part.apply(&c.Command, pages, proto.At(s.clock.Now()), &d.answer)
	if err != nil {
		return answer, false, fmt.Errorf("%w: %w", bus.ErrConflict, err)
	}
	batch, marks := make([]bus.Outgoing, 0, len(changed)+1), make(map[topology.PageNumber]proto.PageMark, len(changed))
	for _, n := range changed {
		stored, err := proto.Marshal(pages[n])
		if err != nil {
			return answer, false, bus.Permanent(err)
		}
		marks[n] = proto.MarkPage(stored, len(pages[n].Devices)+len(pages[n].Revoked))
		batch = append(batch, bus.PutMsg(topology.Devices, topology.PageKey(c.account, n), pages[n], d.part.pages[n]))
	}
	cursor := proto.Cursor{Seq: c.seq, Applied: d.part.end(), Done: d.part.end() == items(&c.Command), Answer: d.answer,
		StoredAt: c.storedAt}
	if err := s.count(&cursor, d.fence, c.account, marks); err != nil {
		return answer, false, err
	}
	// The cursor is last: a reader of the cursor has seen the pages.
	batch = append(batch, bus.PutMsg(topology.Devices, topology.CursorKey, &cursor, d.fence))
	first, err := s.bus.Commit(ctx, batch)
	if errors.Is(err, bus.ErrTooLarge) {
		err = bus.Permanent(err)
	}
	if err != nil {
		return answer, false, err
	}
	s.seen.Store(first + uint64(len(batch)) - 1)
	s.metrics.committed(&before, &d.answer, len(changed))
	return d.answer, cursor.Done, nil
}

// decision is the next action for a command: nothing, or a part.
type decision struct {
	done   bool
	part   part
	fence  uint64 // the cursor's revision behind the decision
	answer proto.CommandAnswer
}

func (s *Service) decide(c *command) (decision, error) {
	s.index.mu.RLock()
	defer s.index.mu.RUnlock()
	if s.index.lost != nil {
		return decision{}, s.index.lost
	}
	cursor, from := &s.index.cursor, 0
	d := decision{fence: s.index.fence, answer: proto.CommandAnswer{Seq: c.seq}}
	switch standingOf(cursor, c.seq, c.storedAt) {
	case applied:
		s.metrics.repeated.Inc()
		return decision{done: true, answer: cursor.Answer}, nil
	case settled:
		s.metrics.repeated.Inc()
		d.answer.Error = &proto.Error{Code: "command_settled",
			Message: "This command was settled before, and what it did is no longer known; look up the devices."}
		return decision{done: true, answer: d.answer}, nil
	case begun:
		from, d.answer = cursor.Applied, cursor.Answer
		d.answer.Refused = slices.Clone(d.answer.Refused)
	}
	inv := s.index.of(c.account)
	if err := inv.damage(); err != nil {
		return d, bus.Permanent(fmt.Errorf("%w: %w", &proto.Error{Code: "inventory_damaged",
			Message: "A page of the account's inventory cannot be read; mend or delete it, then send the command again."}, err))
	}
	if err := s.index.missing(func(a proto.Account) bool { return a == c.account }); err != nil {
		return d, err
	}
	d.part = plan(inv, &c.Command, from, s.limits)
	return d, nil
}

// load reads the pages of a part, as they were at the decision. A page that changed since, or that a replica has not
// seen yet, is a conflict.
func (s *Service) load(ctx context.Context, a proto.Account,
	revisions map[topology.PageNumber]uint64) (map[topology.PageNumber]*proto.Page, error) {
	pages := make(map[topology.PageNumber]*proto.Page, len(revisions))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for n, want := range revisions {
		page := new(proto.Page)
		pages[n] = page
		if want == 0 {
			continue
		}
		g.Go(func() error {
			revision, err := s.bus.Get(ctx, topology.Devices, topology.PageKey(a, n), page)
			if errors.Is(err, bus.ErrNotFound) && revision == want {
				return nil // it was deleted: an empty page
			}
			if err == nil && revision != want {
				err = fmt.Errorf("page %d is at revision %d, the index has %d: %w", n, revision, want, bus.ErrConflict)
			}
			return err
		})
	}
	return pages, g.Wait()
}
