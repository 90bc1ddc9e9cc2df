package device

import (
	"slices"
	"sync"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// entry is the compact form of a page's newest entry. It is not modified.
type entry struct {
	seq      uint64 // in POSTURE_LOG
	closed   bool
	answered bool // the newest poll succeeded
	polledAt proto.Millis
	checks   []proto.ID
	devices  []proto.ID     // shared with the inventory's page if they are equal
	observed []proto.Millis // nil: every device's score is from the newest poll
	scores   []int8
	verdicts []verdict // for each device, each check
	// observeUntil is the end of the account's observe switch, as the entry used it; 0 without one.
	observeUntil proto.Millis
	// graces has the starts of running graces by [entry.cell], holds those of held checks by column. Both are nil at rest.
	graces, holds map[int]proto.Millis
}

// verdict is a [proto.Verdict] in two bytes: the first has the outcome in its lower half, and in its upper half the
// outcome that applies once an excuse is over: the observed one, or fail if the device fails by hysteresis.
type verdict struct{ outcomes, reason uint8 }

func packed(v proto.Verdict) verdict {
	return verdict{uint8(known(v.Outcome)) | uint8(known(v.Observed))<<4, uint8(v.Reason)}
}

// known returns unknown for an outcome of a newer version.
func known(o proto.Outcome) proto.Outcome {
	if o != proto.OutcomePass && o != proto.OutcomeFail {
		return proto.OutcomeUnknown
	}
	return o
}

func (v verdict) outcome() proto.Outcome   { return proto.Outcome(v.outcomes & 0xf) }
func (v verdict) unexcused() proto.Outcome { return proto.Outcome(v.outcomes >> 4) }

// failing returns the verdict with fail as the outcome that applies once its excuse is over.
func (v verdict) failing() verdict {
	return verdict{v.outcomes&0xf | uint8(proto.OutcomeFail)<<4, v.reason}
}

// compact converts an entry. ids are those of the inventory's page, which are shared if they are equal.
func compact(seq uint64, e *proto.Entry, ids []proto.ID) *entry {
	n := len(e.Results)
	c := &entry{seq: seq, closed: e.Closed, polledAt: e.Poll.At,
		answered: e.Poll.At != 0 && e.Poll.Error == proto.ReasonNone}
	if e.Observe.On {
		c.observeUntil = e.Observe.Until
	}
	if n == 0 {
		return c
	}
	c.devices, c.scores = make([]proto.ID, n), make([]int8, n)
	c.verdicts = make([]verdict, 0, n*len(e.Checks))
	for _, check := range e.Checks {
		c.checks = append(c.checks, check.ID)
	}
	for i := range e.Results {
		r := &e.Results[i]
		c.devices[i], c.scores[i] = r.Device, int8(r.Score)
		if r.ObservedAt != e.Poll.At && c.observed == nil {
			c.observed = make([]proto.Millis, n)
			for before := range i {
				c.observed[before] = e.Poll.At
			}
		}
		if c.observed != nil {
			c.observed[i] = r.ObservedAt
		}
		for _, v := range r.Verdicts {
			c.verdicts = append(c.verdicts, packed(v))
		}
	}
	for i := range e.States {
		c.addState(i, &e.States[i])
	}
	if slices.Equal(ids, c.devices) {
		c.devices = ids
	}
	return c
}

// addState adds what the state of the i-th check says about the ends of excuses.
func (e *entry) addState(i int, s *proto.CheckState) {
	for _, g := range s.Graces {
		if e.graces == nil {
			e.graces = map[int]proto.Millis{}
		}
		at := e.cell(g.Result, i)
		e.graces[at], e.verdicts[at] = g.Since, e.verdicts[at].failing()
	}
	for _, row := range s.Recovering {
		at := e.cell(row, i)
		e.verdicts[at] = e.verdicts[at].failing()
	}
	if s.Hold != nil {
		if e.holds == nil {
			e.holds = map[int]proto.Millis{}
		}
		e.holds[i] = s.Hold.Since
	}
}

// cell returns the index of a device's verdict of a check.
func (e *entry) cell(row, column int) int { return row*len(e.checks) + column }

// row returns the index of a device. Entries usually list the devices in the order of the page's slots.
func (e *entry) row(device proto.ID, slot int) int {
	if slot < len(e.devices) && e.devices[slot] == device {
		return slot
	}
	return slices.Index(e.devices, device)
}

func (e *entry) observedAt(row int) proto.Millis {
	if e.observed == nil {
		return e.polledAt
	}
	return e.observed[row]
}

// state holds the newest entry of each page.
type state struct {
	tail *tail
	conn *bus.Conn
	// inventory provides the ids of pages, to share one copy.
	inventory *inventory

	mu    sync.RWMutex
	pages map[topology.PageRef]*entry
}

func newState(conn *bus.Conn, v *inventory) *state {
	s := &state{conn: conn, inventory: v, pages: map[topology.PageRef]*entry{}}
	s.tail = newTail(conn, topology.PostureState, topology.PostureLog, topology.AllLogs, s.apply)
	return s
}

// apply stores an entry unless a newer one is present. An unreadable entry clears its page, because the older results
// are no longer the newest.
func (s *state) apply(m *bus.Msg) (seen uint64) {
	page, err := topology.ParsePage(m.Subject)
	if err != nil {
		s.conn.Unreadable(m.Stream, m.Subject, m.Seq, err)
		return 0
	}
	logged, err := bus.LogSequence(m)
	if err != nil {
		s.conn.Unreadable(m.Stream, m.Subject, m.Seq, err)
		s.put(page, &entry{})
		return 0
	}
	s.mu.RLock()
	have := s.pages[page]
	s.mu.RUnlock()
	if have != nil && have.seq >= logged {
		return logged
	}
	var e proto.Entry
	if err := m.Decode(&e); err != nil {
		s.conn.Unreadable(m.Stream, m.Subject, m.Seq, err)
		s.put(page, &entry{seq: logged})
		return logged
	}
	s.put(page, compact(logged, &e, s.inventory.ids(page.Account, page.Page)))
	return logged
}

func (s *state) put(page topology.PageRef, e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages[page] = e
}

func (s *state) page(p topology.PageRef) *entry {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.pages[p]
}
