// Package ledger reads the posture log from its beginning, as a follower, and checks those invariants of
// bus/README.md that are visible in the log. It is a plain model, independent of the product's code for folding
// changes.
package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Ledger is the state derived from the log so far. The zero value has read nothing. It is not safe for concurrent
// use.
type Ledger struct {
	// Storing is how long the log may end with an incomplete batch; 0 means one minute.
	Storing time.Duration

	pages   map[topology.PageRef]*Page
	open    *open
	read    uint64 // the last sequence read
	changes int
	entries int
	// OnChange looks at each change and its entry; its error is that of the ledger.
	OnChange func(*proto.Entry, topology.ChangeRef, *proto.Change) error
}

// Page is one page of one integration.
type Page struct {
	Entry *proto.Entry // the newest
	Seq   uint64       // of this entry
	Count int          // entries so far
	// Polls are the ticks with an entry, in order.
	Polls []uint64
	// folded holds the outcomes derived from the changes alone.
	folded map[deviceCheck]proto.Outcome
}

type deviceCheck struct{ device, check proto.ID }

// open is an entry with changes still to be read: they directly follow the entry, and become visible after it.
type open struct {
	page    *Page
	ref     topology.PageRef
	seq     uint64
	changed int // number of changed results, according to the entry
	named   int // number of results in the changes so far
	next    int // index of the next change
}

// Page returns a page, or nil if the log has no entry for it.
func (l *Ledger) Page(ref topology.PageRef) *Page { return l.pages[ref] }

// Pages returns all pages.
func (l *Ledger) Pages() map[topology.PageRef]*Page { return l.pages }

// Entries returns the number of entries read.
func (l *Ledger) Entries() int { return l.entries }

// Changes returns the number of changes read.
func (l *Ledger) Changes() int { return l.changes }

// storing is the default of [Ledger.Storing]. Each message of a batch is synced separately, possibly on a busy
// machine. If another message follows an incomplete batch, it is an error at once.
const storing = time.Minute

// CatchUp reads the log to its end. It returns an error for the first violation, or if the log cannot be read.
func (l *Ledger) CatchUp(ctx context.Context, conn *bus.Conn) error {
	var half time.Time // since when the log has ended with an incomplete batch
	for {
		if err := l.catchUp(ctx, conn); err != nil {
			return err
		}
		if half.IsZero() {
			half = time.Now()
		}
		if o := l.open; o == nil || o.named >= o.changed || time.Since(half) > cmp.Or(l.Storing, storing) {
			return l.close()
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (l *Ledger) catchUp(ctx context.Context, conn *bus.Conn) error {
	if l.pages == nil {
		l.pages = map[topology.PageRef]*Page{}
	}
	stream, err := conn.JetStream().Stream(ctx, topology.PostureLog)
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	if stream.CachedInfo().State.LastSeq == l.read {
		return nil
	}
	err = conn.Range(ctx, topology.PostureLog, ">", l.read+1, stream.CachedInfo().State.LastSeq, func(m *bus.Msg) error {
		if err := l.book(m); err != nil {
			return fmt.Errorf("message %d of the log, %s: %w", m.Seq, m.Subject, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	return nil
}

func (l *Ledger) book(m *bus.Msg) error {
	seq := m.Seq
	if seq != l.read+1 {
		return fmt.Errorf("%d was read before it", l.read)
	}
	l.read = seq
	if strings.HasPrefix(m.Subject, strings.TrimSuffix(topology.AllLogs, ">")) {
		if err := l.close(); err != nil {
			return err
		}
		return l.entry(m)
	}
	if _, err := topology.ParseHold(m.Subject); err == nil {
		return l.close() // a notice stands between two batches
	}
	return l.change(m, seq)
}

func (l *Ledger) entry(m *bus.Msg) error {
	ref, err1 := topology.ParsePage(m.Subject)
	summary, err2 := proto.ParseSummary(m.Header.Get(proto.HeaderSummary))
	entry := new(proto.Entry)
	err3 := proto.Unmarshal(m.Data, entry)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	page := l.pages[ref]
	if page == nil {
		page = &Page{folded: map[deviceCheck]proto.Outcome{}}
		l.pages[ref] = page
	}
	if err := follows(page.Entry, entry, m.Time); err != nil {
		return err
	}
	if got := entry.Summarize(summary.Changed); got != summary {
		return fmt.Errorf("its header says %v, its body %v", summary, got)
	}
	l.entries++
	page.Entry, page.Seq, page.Count = entry, m.Seq, page.Count+1
	if entry.Cause == proto.CausePoll {
		page.Polls = append(page.Polls, entry.Tick)
	}
	l.open = &open{page: page, ref: ref, seq: m.Seq, changed: summary.Changed, next: 1}
	return nil
}

// follows returns an error if an entry must not come after another one of the same page.
func follows(before, entry *proto.Entry, stored time.Time) error {
	seen := map[proto.ID]bool{}
	for i := range entry.Results {
		if seen[entry.Results[i].Device] {
			return fmt.Errorf("device %s appears twice", entry.Results[i].Device)
		}
		seen[entry.Results[i].Device] = true
	}
	if len(entry.Results) > proto.PageSize {
		return fmt.Errorf("it has %d results", len(entry.Results))
	}
	if at := entry.Poll.At.Time(); at.After(stored.Add(time.Second)) {
		return fmt.Errorf("stored at %v, with scores of %v", stored, at)
	}
	if before == nil {
		return nil
	}
	switch {
	case entry.Tick < before.Tick: // invariant 5
		return fmt.Errorf("tick %d follows tick %d of the previous entry", entry.Tick, before.Tick)
	case entry.Cause == proto.CausePoll && entry.Tick == before.Tick:
		return fmt.Errorf("a second entry for the poll of tick %d", entry.Tick)
	case entry.PageRevision < before.PageRevision:
		return fmt.Errorf("its page revision is %d, the previous entry's is %d", entry.PageRevision,
			before.PageRevision)
	case entry.ConfigRevision < before.ConfigRevision:
		return fmt.Errorf("its configuration revision is %d, the previous entry's is %d", entry.ConfigRevision,
			before.ConfigRevision)
	}
	return nil
}

func (l *Ledger) change(m *bus.Msg, seq uint64) error {
	ref, err1 := topology.ParseChange(m.Subject)
	change := new(proto.Change)
	err2 := proto.Unmarshal(m.Data, change)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	o := l.open
	if o == nil || seq-uint64(change.Index) != o.seq || change.Index != o.next {
		return fmt.Errorf("change %d does not follow its entry", change.Index)
	}
	if o.ref.Account != ref.Account || o.ref.Page != ref.Page || o.ref.Integration != change.Integration {
		return fmt.Errorf("its page differs from the page of its entry, %v", o.ref)
	}
	if change.Tick != o.page.Entry.Tick {
		return fmt.Errorf("its tick is %d, its entry's %d", change.Tick, o.page.Entry.Tick)
	}
	l.changes++
	o.next++
	o.named += len(change.Devices)
	if l.OnChange != nil {
		if err := l.OnChange(o.page.Entry, ref, change); err != nil {
			return err
		}
	}
	for _, d := range change.Devices {
		key := deviceCheck{d.Device, ref.Check}
		had, ok := o.page.folded[key]
		if !ok {
			had = proto.OutcomeNone
		}
		if d.From != had {
			return fmt.Errorf("device %s changes from %v, but was %v", d.Device, d.From, had)
		}
		if d.Gone() {
			delete(o.page.folded, key)
			continue
		}
		o.page.folded[key] = ref.Outcome
	}
	return nil
}

// close compares an entry with the outcomes derived from its changes: invariant 4, after every entry.
func (l *Ledger) close() error {
	o := l.open
	l.open = nil
	if o == nil {
		return nil
	}
	if o.named != o.changed {
		return fmt.Errorf("entry %d of %v changes %d results, its changes name %d", o.seq, o.ref, o.changed, o.named)
	}
	entry, count := o.page.Entry, 0
	for i := range entry.Results {
		for c, v := range entry.Results[i].Verdicts {
			count++
			key := deviceCheck{entry.Results[i].Device, entry.Checks[c].ID}
			if folded, ok := o.page.folded[key]; !ok || folded != v.Outcome {
				return fmt.Errorf("entry %d of %v: device %s is %v for check %s, the changes fold to %v (known: %v)",
					o.seq, o.ref, key.device, v.Outcome, key.check, folded, ok)
			}
		}
	}
	if count != len(o.page.folded) {
		return fmt.Errorf("entry %d of %v has %d results, the changes fold to %d", o.seq, o.ref, count, len(o.page.folded))
	}
	return nil
}
