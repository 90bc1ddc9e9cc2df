package posture

import (
	"context"
	"encoding/json"
	"net/http"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	v4 "plumbline.dev/services/api/v4"
)

// postureLines writes entries of the log as lines of a response.
type postureLines struct {
	s       *API
	account proto.Account
	query   logQuery
	out     *v4.LineWriter

	page     topology.PageNumber // page of devices
	revision uint64
	devices  map[proto.ID]*proto.Device
}

// usedCheck is a check of an entry, with the expected value for its lines.
type usedCheck struct {
	*proto.Check
	expected json.RawMessage
}

// checkPosition returns an error if the log has deleted entries after seq, or ends before seq: the client would
// silently miss lines otherwise.
func (s *API) checkPosition(ctx context.Context, seq uint64) error {
	log, err := s.store.Conn.Extent(ctx, topology.PostureLog)
	if err != nil {
		return err
	}
	switch {
	case log.First > seq+1:
		return v4.Errorf(http.StatusGone, v4.CodeGone, "the log no longer has the entries after the cursor: use since")
	case seq > log.Last:
		return v4.Errorf(http.StatusGone, v4.CodeGone,
			"the cursor is beyond the end of the log, which was restored or rolled back: use since")
	}
	return nil
}

// entry writes the requested lines of an entry.
func (l *postureLines) entry(ctx context.Context, m *bus.Msg) error {
	q := &l.query
	if m.Seq == q.after.seq && q.after.result < 0 {
		return nil
	}
	ref, err := topology.ParsePage(m.Subject)
	if err != nil {
		return l.unreadable(m, ref, err)
	}
	if !wants(q.integrations, ref.Integration) {
		return nil
	}
	var e proto.Entry
	if err := m.Decode(&e); err != nil {
		return l.unreadable(m, ref, err)
	}
	checks := l.checksOf(&e)
	for n := range e.Results {
		result := &e.Results[n]
		if !wants(q.devices, result.Device) {
			continue
		}
		for i, verdict := range result.Verdicts {
			number := n*len(checks) + i
			if m.Seq == q.after.seq && number <= q.after.result || !wants(q.checks, checks[i].ID) ||
				!wants(q.outcomes, verdict.Outcome) {
				continue
			}
			if err := l.know(ctx, ref.Page); err != nil {
				return err
			}
			l.out.Line(l.view(ref, &e, n, i, &checks[i], logCursor{m.Seq, number}))
		}
	}
	// Flush before reading more, so that a slow client delays only itself.
	return l.out.Flush()
}

// checksOf returns the checks of an entry, with a placeholder for a deleted one.
func (l *postureLines) checksOf(e *proto.Entry) []usedCheck {
	checks := make([]usedCheck, len(e.Checks))
	for n, used := range e.Checks {
		check := &proto.Check{ID: used.ID, Type: proto.TypeCustomS2S}
		if r, found := l.s.store.Catalog.Check(l.account, used.ID); found {
			check = r.Value
		}
		checks[n] = usedCheck{check, expected(check)}
	}
	return checks
}

// unreadableLine stands for an entry that cannot be read. It may have results that the client asked for.
type unreadableLine struct {
	Timestamp   v4.Timestamp `json:"Timestamp"` // when the entry was stored
	Unreadable  bool         `json:"x_unreadable"`
	Sequence    uint64       `json:"x_sequence"` // of the entry in the log
	Integration proto.ID     `json:"x_integration_id,omitzero"`
	Cursor      string       `json:"x_cursor"`
}

func (l *postureLines) unreadable(m *bus.Msg, ref topology.PageRef, err error) error {
	l.s.store.Conn.Unreadable(m.Stream, m.Subject, m.Seq, err)
	if m.Seq == l.query.after.seq || !ref.Integration.IsZero() && !wants(l.query.integrations, ref.Integration) {
		return nil // the client has its line, or asked for another integration
	}
	l.out.Line(&unreadableLine{Timestamp: v4.Timestamp(proto.At(m.Time)), Unreadable: true, Sequence: m.Seq,
		Integration: ref.Integration, Cursor: logCursor{m.Seq, -1}.String()})
	return l.out.Flush()
}

// know reads the devices of a page unless they are cached.
func (l *postureLines) know(ctx context.Context, page topology.PageNumber) error {
	revision := l.s.device.Inventory.RevisionOf(l.account, page)
	if l.devices != nil && l.page == page && l.revision == revision {
		return nil
	}
	p, err := l.s.device.Page(ctx, l.account, page)
	if err != nil {
		return err
	}
	l.page, l.revision, l.devices = page, revision, make(map[proto.ID]*proto.Device, len(p.Devices))
	for _, list := range [][]proto.Device{p.Devices, p.Revoked} {
		for n := range list {
			l.devices[list[n].ID] = &list[n]
		}
	}
	return nil
}

func (l *postureLines) view(ref topology.PageRef, e *proto.Entry, row, i int, check *usedCheck,
	at logCursor) *postureLine {
	r := &e.Results[row]
	line := &postureLine{
		DeviceID: r.Device, Registration: r.Device, PolicyID: check.ID, CheckName: check.Name, CheckType: check.Type,
		Passed: r.Verdicts[i].Outcome == proto.OutcomePass, Expected: check.expected,
		Received: received{Score: score(r.Score), S2SID: r.S2SID, ObservedAt: v4.Timestamp(r.ObservedAt),
			Problem: reasonText(r.Problem)},
		Timestamp: v4.Timestamp(e.EvaluatedAt), Outcome: r.Verdicts[i].Outcome, Reason: r.Verdicts[i].Reason,
		Observed: r.Verdicts[i].Observed, Why: l.s.enforced(l.account, e, row, i), Integration: ref.Integration,
		Tick: e.Tick, CheckRevision: e.Checks[i].Revision, Cursor: at.String(),
	}
	if d := l.devices[r.Device]; d != nil {
		line.DeviceName, line.DeviceSerial, line.Email = d.Hostname, d.Serial, d.Email
		if d.Email != "" {
			line.UserUID = device.PersonID(l.account, d.Email).String()
		}
	}
	return line
}
