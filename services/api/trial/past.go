package trial

import (
	"context"
	"errors"
	"net/http"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/evaluator/trial"
)

// stepLine is the line about one step of a trial of the log. It counts every page by its newest entry so far.
type stepLine struct {
	Kind  string       `json:"kind"` // step
	Step  int          `json:"step"` // from 1
	Steps int          `json:"steps"`
	At    v4.Timestamp `json:"at"`
	Pages int          `json:"pages"` // with an entry in this step
	tally
	// Changed is the number of devices with another outcome than in the previous step.
	Changed int `json:"changed"`
}

// summaryLine is the last line of a trial of the log.
type summaryLine struct {
	Kind       string       `json:"kind"` // summary
	Steps      int          `json:"steps"`
	From       v4.Timestamp `json:"from"`  // time of the first step with entries
	Until      v4.Timestamp `json:"until"` // and of the last one
	Entries    int          `json:"entries"`
	Unreadable int          `json:"unreadable"` // entries that were left out
	Changed    int          `json:"changed"`
	// MostFlips is the largest number of flips of a step, and MostAt its time.
	MostFlips int          `json:"most_flips"`
	MostAt    v4.Timestamp `json:"most_flips_at"`
	tally                  // of the last step
}

// tryPast tries an edit on the log, and streams a line for each step.
func (s *API) tryPast(w http.ResponseWriter, c *v4.Call, e *edit, times []time.Time) error {
	integration, evaluated := e.integration()
	if !evaluated {
		return v4.Invalid("since: a rule of type %s is not evaluated", e.check.Type)
	}
	select {
	case s.past <- struct{}{}:
		defer func() { <-s.past }()
	default:
		return v4.Unavailable(nil, "the limit of %d concurrent trials of the log is reached: try again later", pastAtOnce)
	}
	ctx, out, done, err := s.Streams.Begin(w, c)
	if err != nil {
		return err
	}
	defer done()
	config, err := s.config(ctx, e.account, integration)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	t := &pastTrial{s: s, times: times, log: store.LogRange{Stream: topology.PostureLog,
		Subject: topology.LogOfIntegration(e.account, integration)}, past: trial.NewPast(config, e.check), out: out}
	for _, page := range s.Overview.Pages(e.account, integration) {
		t.pages = append(t.pages, page.PageRef)
	}
	if err = t.run(ctx); err == nil {
		err = out.Flush()
	}
	return out.Cut(err)
}

// pastTrial is a trial of the log under way.
type pastTrial struct {
	s     *API
	times []time.Time // of the steps; a step lasts until the next one, the last until the end of the log
	log   store.LogRange
	past  *trial.Past
	out   *v4.LineWriter
	pages []topology.PageRef // that may have entries
	sum   summaryLine
}

func (t *pastTrial) run(ctx context.Context) error {
	end, err := t.s.Store.Conn.Position(ctx, t.log.Stream)
	if err != nil {
		return err
	}
	next, err := t.first(ctx, t.times[0], end.Last)
	if err != nil {
		return err
	}
	for step, at := range t.times {
		begin, after := next, end.Last+1
		if step+1 < len(t.times) {
			if after, err = t.first(ctx, t.times[step+1], end.Last); err != nil {
				return err
			}
		}
		next = after
		pages, changed, err := t.step(ctx, begin, after)
		if err != nil {
			return err
		}
		if t.past.Pages() == 0 {
			continue // the log begins later
		}
		if err := t.line(step, at, pages, changed); err != nil {
			return err
		}
	}
	counts := t.past.Counts()
	t.sum.Kind, t.sum.Steps, t.sum.tally = "summary", len(t.times), tallyOf(&counts)
	t.out.Line(&t.sum)
	return nil
}

// first returns the sequence of the first entry stored at a time or later, or last+1 if there is none up to last.
func (t *pastTrial) first(ctx context.Context, at time.Time, last uint64) (uint64, error) {
	seq, err := t.s.Store.Conn.FirstSince(ctx, t.log.Stream, t.log.Subject, at)
	if err != nil {
		return 0, err
	}
	if seq == 0 || seq > last {
		return last + 1, nil
	}
	return seq, nil
}

// line sends the line of a step.
func (t *pastTrial) line(step int, at time.Time, pages, changed int) error {
	counts := t.past.Counts()
	l := stepLine{Kind: "step", Step: step + 1, Steps: len(t.times), At: v4.Timestamp(proto.At(at)), Pages: pages,
		tally: tallyOf(&counts), Changed: changed}
	if t.sum.From == 0 {
		t.sum.From = l.At
	}
	t.sum.Until = l.At
	if t.sum.Changed += changed; l.Flips > t.sum.MostFlips || t.sum.MostAt == 0 {
		t.sum.MostFlips, t.sum.MostAt = l.Flips, l.At
	}
	t.out.Line(&l)
	return t.out.Flush()
}

// step evaluates the first entry of every page with a sequence from first to before after. It returns the numbers of
// pages with an entry and of changed devices.
func (t *pastTrial) step(ctx context.Context, first, after uint64) (pages, changed int, err error) {
	seen, read := map[topology.PageNumber]bool{}, 0
	add := func(m *bus.Msg) error {
		n, err := t.entry(m, seen)
		changed += n
		return err
	}
	// One poll of every page is read as one piece. Other pages are read one by one, because many polls of some pages may
	// come before the first poll of another.
	most := 2*len(t.pages) + extraEntries
	err = t.s.Store.Conn.Range(ctx, t.log.Stream, t.log.Subject, first, after-1, func(m *bus.Msg) error {
		if read++; read > most {
			return bus.ErrStop
		}
		if err := add(m); err != nil {
			return err
		}
		if len(seen) >= len(t.pages) {
			return bus.ErrStop
		}
		return nil
	})
	if err != nil || read <= most {
		return len(seen), changed, err
	}
	for _, ref := range t.pages {
		if seen[ref.Page] {
			continue
		}
		m, err := t.s.Store.Conn.First(ctx, t.log.Stream, topology.Log(ref), first, after-1)
		if errors.Is(err, bus.ErrNotFound) {
			continue
		}
		if err == nil {
			err = add(m)
		}
		if err != nil {
			return 0, 0, err
		}
	}
	return len(seen), changed, nil
}

// extraEntries is the number of entries of a step that are read as one piece, in addition to two for each page.
const extraEntries = 256

// entry evaluates an entry, unless its page already had an entry in this step. It returns the number of changed
// devices.
func (t *pastTrial) entry(m *bus.Msg, seen map[topology.PageNumber]bool) (changed int, err error) {
	ref, err := topology.ParsePage(m.Subject)
	if err != nil {
		return 0, err
	}
	if seen[ref.Page] {
		return 0, nil
	}
	seen[ref.Page] = true
	var e proto.Entry
	if err := m.Decode(&e); err != nil {
		t.s.Store.Conn.Unreadable(m.Stream, m.Subject, m.Seq, err)
		t.sum.Unreadable++
		return 0, nil
	}
	t.sum.Entries++
	return t.past.Entry(uint32(ref.Page), &e), nil
}
