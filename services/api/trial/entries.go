package trial

import (
	"context"
	"errors"
	"math"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/overview"
)

// newestEntries calls visit with the newest entry of every page of an integration, in no order. An entry is at least as
// new as the overview at the time of the call.
func (s *API) newestEntries(ctx context.Context, a proto.Account, integration proto.ID,
	visit func(topology.PageRef, *bus.Msg) error) error {
	missing := map[topology.PageNumber]overview.Page{}
	for _, p := range s.Overview.Pages(a, integration) {
		if !p.Summary.Closed {
			missing[p.Page] = p
		}
	}
	seen := map[topology.PageNumber]bool{}
	subject := topology.LogOfIntegration(a, integration)
	// Entries written during the read come after the former end of the stream. The read continues to the newest one.
	err := s.Store.Conn.Range(ctx, topology.PostureState, subject, 1, math.MaxInt64, func(m *bus.Msg) error {
		ref, err := topology.ParsePage(m.Subject)
		if err != nil {
			return err
		}
		if seq, err := bus.LogSequence(m); err == nil && seq < missing[ref.Page].Seq || seen[ref.Page] {
			return nil
		}
		seen[ref.Page] = true
		delete(missing, ref.Page)
		return visit(ref, m)
	})
	if err != nil {
		return err
	}
	for page := range missing { // a replica of the state lags
		ref := topology.PageRef{Account: a, Integration: integration, Page: page}
		m, err := s.newestEntry(ctx, ref)
		if err == nil && m != nil {
			err = visit(ref, m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// newestEntry reads the newest entry of a page. It returns nil if the page has none.
func (s *API) newestEntry(ctx context.Context, ref topology.PageRef) (*bus.Msg, error) {
	m, err := s.Store.Conn.Last(ctx, topology.PostureLog, topology.Log(ref))
	if errors.Is(err, bus.ErrNotFound) {
		m, err = s.Store.Conn.Last(ctx, topology.PostureState, topology.Log(ref))
	}
	if errors.Is(err, bus.ErrNotFound) {
		return nil, nil
	}
	return m, err
}
