package evaluator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/proto/entrysign"
	"plumbline.dev/services/evaluator/fold"
	"plumbline.dev/services/evaluator/settings"
	"plumbline.dev/services/internal/catalog"
)

// busStore is the store on the real bus.
type busStore struct {
	conn    *bus.Conn
	catalog *catalog.Catalog
	group   *group
}

func (s *busStore) newest(ctx context.Context, p topology.PageRef) (state, error) {
	inLog := true
	m, err := s.conn.Last(ctx, topology.PostureLog, topology.Log(p))
	if errors.Is(err, bus.ErrNotFound) {
		inLog = false
		m, err = s.conn.Last(ctx, topology.PostureState, topology.Log(p))
	}
	if errors.Is(err, bus.ErrNotFound) {
		return state{}, nil
	}
	if err != nil {
		return state{}, err
	}
	st := state{entry: new(proto.Entry), digest: entrysign.Digest(m.Data)}
	unreadable := m.Decode(st.entry)
	if bus.IsPermanent(unreadable) {
		// The next entry replaces it: a page with an unreadable newest entry must not stay unreadable for ever.
		s.conn.Unreadable(m.Stream, m.Subject, m.Seq, unreadable)
		st.entry = new(proto.Entry)
	} else if unreadable != nil {
		return state{}, unreadable
	}
	if st.seq, err = bus.LogSequence(m); err != nil && unreadable == nil {
		return state{}, err
	}
	if inLog {
		st.expect = st.seq
	}
	return st, nil
}

func (s *busStore) page(ctx context.Context, p topology.PageRef) (fold.Page, error) {
	var record proto.Page
	key := topology.PageKey(p.Account, p.Page)
	revision, err := s.conn.Get(ctx, topology.Devices, key, &record)
	missing := errors.Is(err, bus.ErrNotFound)
	if err != nil && !missing {
		return fold.Page{}, err
	}
	if missing && revision == 0 { // or a replica lags: the leader lists the keys
		keys, err := s.conn.Subjects(ctx, topology.BucketStream(topology.Devices),
			topology.BucketSubject(topology.Devices, key))
		if err != nil {
			return fold.Page{}, err
		}
		if len(keys) > 0 {
			return fold.Page{}, fmt.Errorf("page %d exists, and the read of it lags", p.Page)
		}
	}
	page := fold.Page{Revision: revision, Missing: missing, Devices: make([]proto.ID, len(record.Devices)),
		Enrolled: make([]proto.Millis, len(record.Devices))}
	for i := range record.Devices {
		page.Devices[i], page.Enrolled[i] = record.Devices[i].ID, record.Devices[i].EnrolledAt
	}
	return page, nil
}

// configPatience limits the wait for the view of CONFIG to reach a revision seen elsewhere.
const configPatience = 5 * time.Second

func (s *busStore) config(ctx context.Context, p topology.PageRef, least uint64) (fold.Config, error) {
	ctx, cancel := context.WithTimeout(ctx, configPatience)
	defer cancel()
	for {
		if s.catalog.Revision() < least {
			if err := s.catalog.AwaitRevision(ctx, least); err != nil {
				return fold.Config{}, err
			}
		}
		config, ok := settings.Of(s.catalog, p.Account, p.Integration)
		if !ok {
			continue
		}
		if config.Exists {
			return config, nil
		}
		// A view's word is not enough to close a page's results: the view may lag or lack a record it cannot read.
		newest, exists, err := s.resource(ctx, p.Account, topology.KindIntegration, p.Integration)
		switch {
		case err != nil:
			return fold.Config{}, err
		case newest > config.Revision:
			least = newest
		case exists:
			return fold.Config{}, fmt.Errorf("the record of integration %s, revision %d, cannot be read", p.Integration, newest)
		default:
			return config, nil
		}
	}
}

func (s *busStore) revision(ctx context.Context, a proto.Account, kind topology.Kind, id proto.ID) (uint64, error) {
	revision, _, err := s.resource(ctx, a, kind, id)
	return revision, err
}

// resource reads the newest revision of a resource, 0 if there never was one, and reports whether the resource exists.
func (s *busStore) resource(ctx context.Context, a proto.Account, kind topology.Kind,
	id proto.ID) (revision uint64, exists bool, err error) {
	m, err := s.conn.Last(ctx, topology.BucketStream(topology.Config),
		topology.BucketSubject(topology.Config, topology.ConfigKey(a, kind, id)))
	if errors.Is(err, bus.ErrNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	return m.Seq, !m.Deleted(), nil
}

func (s *busStore) commit(ctx context.Context, p topology.PageRef, step *fold.Step, as *publication,
	expect uint64) (uint64, error) {
	all := make([]bus.Outgoing, 0, 1+len(step.Changes))
	all = append(all, bus.Outgoing{
		Subject: topology.Log(p), Body: step.Entry, Encoded: as.payload, ExpectLast: bus.Expect(expect), Header: as.headers,
	})
	for i, c := range step.Changes {
		all = append(all, bus.ChangeMsg(&proto.Change{Account: p.Account, Check: c.Check, Outcome: c.Outcome,
			Page: uint32(p.Page), Index: i + 1, Integration: p.Integration, Tick: step.Entry.Tick,
			At: step.Entry.EvaluatedAt, Devices: c.Devices}))
	}
	return s.group.commit(ctx, all)
}
