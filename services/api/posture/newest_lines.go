package posture

import (
	"context"
	"slices"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// newestLines collects a page of the newest lines.
type newestLines struct {
	postureLines
	limit    int
	lines    []*postureLine
	end      logCursor    // position after the last line or entry
	more     bool         // there may be older lines
	searched v4.Timestamp // of the oldest message read
	size     int          // bytes read
	left     v4.LeftOut

	// entry is the newest entry that was read for a change.
	entry    *proto.Entry
	entrySeq uint64
}

// visit passes a message to read unless the page is full.
func (n *newestLines) visit(ctx context.Context, m *bus.Msg, read func(context.Context, *bus.Msg) error) error {
	if n.query.after.seq == m.Seq && n.query.after.result < 0 {
		return nil
	}
	if len(n.lines) >= n.limit || n.size >= maxNewestBytes {
		n.more = true
		return bus.ErrStop
	}
	n.size += len(m.Data)
	n.searched = v4.Timestamp(proto.At(m.Time))
	if err := read(ctx, m); err != nil {
		return err
	}
	if !n.more {
		n.end = logCursor{m.Seq, -1}
		return nil
	}
	return bus.ErrStop
}

// add adds a line.
func (n *newestLines) add(line *postureLine, at logCursor) {
	n.lines = append(n.lines, line)
	n.end = at
}

// skips reports whether a previous page has the result with a number in a message.
func (n *newestLines) skips(m *bus.Msg, number int) bool {
	return m.Seq == n.query.after.seq && number <= n.query.after.result
}

// hopeless reports whether the headers of an entry show that it has no line with a wanted outcome.
func (n *newestLines) hopeless(m *bus.Msg) bool {
	text := m.Header.Get(proto.HeaderOutcomes)
	if text == "" || len(n.query.outcomes) == 0 && len(n.query.checks) == 0 {
		return false
	}
	all, err := proto.ParseOutcomes(text)
	return err == nil && !slices.ContainsFunc(all, func(o proto.CheckOutcomes) bool {
		return wants(n.query.checks, o.Check) &&
			(o.Pass > 0 && wants(n.query.outcomes, proto.OutcomePass) ||
				o.Fail > 0 && wants(n.query.outcomes, proto.OutcomeFail) ||
				o.Unknown > 0 && wants(n.query.outcomes, proto.OutcomeUnknown))
	})
}

// visitEntry adds the wanted lines of an entry.
func (n *newestLines) visitEntry(ctx context.Context, m *bus.Msg) error {
	ref, err := topology.ParsePage(m.Subject)
	if err == nil && (!wants(n.query.integrations, ref.Integration) || n.hopeless(m)) {
		return nil
	}
	var e proto.Entry
	if err == nil {
		err = m.Decode(&e)
	}
	if err != nil {
		n.leaveOut(m, err)
		return nil
	}
	checks := n.checksOf(&e)
	for row := range e.Results {
		if !wants(n.query.devices, e.Results[row].Device) {
			continue
		}
		for i, verdict := range e.Results[row].Verdicts {
			number := row*len(checks) + i
			if n.skips(m, number) || !wants(n.query.checks, checks[i].ID) || !wants(n.query.outcomes, verdict.Outcome) {
				continue
			}
			if len(n.lines) >= n.limit {
				n.more = true
				return nil
			}
			if err := n.know(ctx, ref.Page); err != nil {
				return err
			}
			at := logCursor{m.Seq, number}
			n.add(n.view(ref, &e, row, i, &checks[i], at), at)
		}
	}
	return nil
}

// visitChange adds the wanted lines of a change, from the entry before it.
func (n *newestLines) visitChange(ctx context.Context, m *bus.Msg) error {
	ref, err := topology.ParseChange(m.Subject)
	if err == nil && (!wants(n.query.checks, ref.Check) || !wants(n.query.outcomes, ref.Outcome)) {
		return nil
	}
	var change proto.Change
	if err == nil {
		err = m.Decode(&change)
	}
	if err != nil {
		n.leaveOut(m, err)
		return nil
	}
	if !wants(n.query.integrations, change.Integration) || !slices.ContainsFunc(change.Devices,
		func(d proto.ChangedDevice) bool { return wants(n.query.devices, d.Device) }) {
		return nil
	}
	lines, err := n.recentLines(ctx, m, &ref, &change)
	if err != nil {
		return err
	}
	for number, line := range lines {
		if line == nil || n.skips(m, number) || !wants(n.query.devices, line.DeviceID) {
			continue
		}
		if len(n.lines) >= n.limit {
			n.more = true
			return nil
		}
		n.add(line, logCursor{m.Seq, number})
	}
	return nil
}

// recentLines is [newestLines.linesOf] for everybody who asks for the same change within seconds. Requests that ask at
// the same time wait for one of them.
func (n *newestLines) recentLines(ctx context.Context, m *bus.Msg, ref *topology.ChangeRef,
	change *proto.Change) ([]*postureLine, error) {
	recent, key, now := n.s.recent, recentKey{n.account, m.Seq}, n.s.store.Clock.Now()
	if lines, found := recent.get(key, now); found {
		return lines, nil
	}
	if len(n.query.devices) > 0 { // a part of the lines
		return n.linesOf(ctx, m, ref, change)
	}
	done, err := recent.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if lines, found := recent.get(key, now); found {
		return lines, nil
	}
	lines, err := n.linesOf(ctx, m, ref, change)
	if err == nil && lines != nil {
		recent.add(key, lines, now)
	}
	return lines, err
}

// linesOf returns a line for each wanted device of a change, nil for others and for one without a result. It returns no
// lines if the entry, or the check in it, is gone.
func (n *newestLines) linesOf(ctx context.Context, m *bus.Msg, ref *topology.ChangeRef,
	change *proto.Change) ([]*postureLine, error) {
	page := topology.PageRef{Account: n.account, Integration: change.Integration, Page: ref.Page}
	e, err := n.entryAt(ctx, page, m.Seq-min(m.Seq, uint64(max(change.Index, 0)))) //nolint:gosec // not negative
	if err != nil || e == nil {
		return nil, err
	}
	column := slices.IndexFunc(e.Checks, func(c proto.CheckRef) bool { return c.ID == ref.Check })
	if column < 0 {
		return nil, nil // the check was removed: there is no result
	}
	if err := n.know(ctx, ref.Page); err != nil {
		return nil, err
	}
	rows := make(map[proto.ID]int, len(e.Results))
	for row := range e.Results {
		rows[e.Results[row].Device] = row
	}
	checks, lines := n.checksOf(e), make([]*postureLine, len(change.Devices))
	for number, d := range change.Devices {
		row, evaluated := rows[d.Device]
		if !evaluated || !wants(n.query.devices, d.Device) {
			continue
		}
		lines[number] = n.view(page, e, row, column, &checks[column], logCursor{m.Seq, number})
		lines[number].From = d.From.String()
	}
	return lines, nil
}

// entryAt reads the entry of a page at a sequence. It returns nil if the log no longer has it or it cannot be read.
func (n *newestLines) entryAt(ctx context.Context, page topology.PageRef, seq uint64) (*proto.Entry, error) {
	if n.entry != nil && n.entrySeq == seq {
		return n.entry, nil
	}
	var found *proto.Entry
	err := n.s.store.Conn.Range(ctx, topology.PostureLog, topology.Log(page), seq, seq, func(m *bus.Msg) error {
		n.size += len(m.Data)
		e := new(proto.Entry)
		if err := m.Decode(e); err != nil {
			n.leaveOut(m, err)
			return nil
		}
		found = e
		return nil
	})
	if found != nil {
		n.entry, n.entrySeq = found, seq
	}
	return found, err
}

func (n *newestLines) leaveOut(m *bus.Msg, err error) {
	n.s.store.Conn.Unreadable(m.Stream, m.Subject, m.Seq, err)
	n.left.Add(m.Subject, m.Seq)
}
