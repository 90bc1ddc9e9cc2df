package policytest

import (
	"context"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
)

// member is a user of a test before the evaluation.
type member struct {
	device   proto.ID // of the last login; zero: unknown
	email    string   // lower case; empty if the policies have no posture check
	devices  int      // number of devices combined in the outcomes
	outcomes []proto.Outcome
}

// list lists the users of the test: everyone with a record at this time.
func (t *test) list(ctx context.Context) error {
	t.members = map[proto.ID]*member{}
	_, err := t.read(ctx, 1, func(id proto.ID, u *proto.User) error {
		m := new(member)
		if u != nil && len(t.checks) > 0 {
			if m.device = u.Last.Device; m.device.IsZero() {
				m.email = strings.ToLower(u.Last.Email)
			}
		}
		t.members[id] = m
		return t.renew(ctx)
	})
	return err
}

// evaluateAll evaluates each user of the test once. A user who logs in during the test has a newer record, further back
// in the stream, so evaluateAll reads on until no listed user is left, or until there are no newer records.
func (t *test) evaluateAll(ctx context.Context) error {
	for first := uint64(1); len(t.members) > 0; {
		next, err := t.read(ctx, first, func(id proto.ID, u *proto.User) error {
			m, listed := t.members[id]
			if !listed {
				return nil
			}
			delete(t.members, id)
			if u == nil {
				return t.add(ctx, proto.PolicyTestUser{ID: id, Status: errored, Reason: identityUnreadable, Policy: -1})
			}
			return t.add(ctx, t.evaluate(u, t.outcome(m)))
		})
		if err != nil {
			return err
		}
		if next == first {
			break
		}
		first = next
	}
	return t.flush(ctx)
}

// read calls visit with the users of the records from a sequence on, and returns the sequence to continue from. The
// user is nil if the record cannot be decoded.
func (t *test) read(ctx context.Context, first uint64, visit func(proto.ID, *proto.User) error) (uint64, error) {
	s := t.api.store
	stream := topology.BucketStream(topology.Sessions)
	at, err := s.Conn.Position(ctx, stream)
	if err != nil {
		return 0, err
	}
	users := strings.TrimSuffix(topology.BucketSubject(topology.Sessions, topology.UserKeysOf(t.account)), "*")
	// With a narrower subject, the server would count all users for each part that it sends.
	r := store.LogRange{Stream: stream, Subject: ">", First: first, Last: at.Last}
	err = s.ReadForwards(ctx, r, func(m *bus.Msg) error {
		key, found := strings.CutPrefix(m.Subject, users)
		id, err := proto.ParseID(key)
		if !found || err != nil || m.Deleted() {
			return ctx.Err()
		}
		u := new(proto.User)
		if err := m.Decode(u); err != nil {
			s.Conn.Unreadable(m.Stream, m.Subject, m.Seq, err)
			u = nil
		}
		return visit(id, u)
	})
	return max(first, at.Last+1), err
}
