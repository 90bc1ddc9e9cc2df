package column

import (
	"math/bits"

	"plumbline.dev/proto"
)

// Counts counts devices by the state of a check. Held, Exempt, Grace and Observe count devices with an outcome that is
// not by the score.
type Counts struct {
	Pass, Fail, Unknown, Held, Exempt, Grace, Observe int
}

// Tally counts devices by the states of checks.
type Tally struct {
	Devices int // active ones
	Revoked int
	Checks  []Counts // in the order of the checks
	Some    Counts   // devices with at least one check in the state
	checks  []proto.ID
}

// NewTally returns a tally of checks without devices.
func NewTally(checks []proto.ID) *Tally {
	return &Tally{Checks: make([]Counts, len(checks)), checks: checks}
}

// A mark is a set of states, as bits in the order of the members of Counts.
type mark = uint8

// marks holds the states that a [state] stands for.
var marks = func() (all [256]mark) {
	for n := range all {
		s := state(n)
		switch s.Outcome() {
		case proto.OutcomePass:
			all[n] = 1
		case proto.OutcomeFail:
			all[n] = 2
		default:
			all[n] = 4
		}
		if kind := s >> enforcedShift; kind >= 1 && int(kind) <= len(enforcedReasons) {
			all[n] |= 4 << kind
		}
	}
	return all
}()

// add adds devices, by their set of states.
func (c *Counts) add(devices *[256]int32) {
	for set, n := range devices {
		if n == 0 {
			continue
		}
		for bit, count := range []*int{&c.Pass, &c.Fail, &c.Unknown, &c.Held, &c.Exempt, &c.Grace, &c.Observe} {
			if set>>bit&1 != 0 {
				*count += int(n)
			}
		}
	}
}

// Add adds the devices of a page among the rows. Revoked devices have no states.
func (t *Tally) Add(p *Page, rows Rows) {
	active := rows.and(span(0, p.Active))
	n := active.Count()
	t.Devices, t.Revoked = t.Devices+n, t.Revoked+rows.Count()-n
	if n == 0 {
		return
	}
	var sets [len(Rows{}) * 64]mark // by row, over all checks
	for i, id := range t.checks {
		var devices [256]int32
		states := p.states(id)
		if states == nil {
			t.Checks[i].Unknown += n
			for row := range sets {
				sets[row] |= marks[0]
			}
			continue
		}
		active.each(func(row int) {
			set := marks[states[row]]
			devices[set]++
			sets[row] |= set
		})
		t.Checks[i].add(&devices)
	}
	var devices [256]int32
	active.each(func(row int) { devices[sets[row]]++ })
	t.Some.add(&devices)
}

// each calls visit with each row of the set, in order.
func (r *Rows) each(visit func(row int)) {
	for n, word := range r {
		for ; word != 0; word &= word - 1 {
			visit(n*64 + bits.TrailingZeros64(word))
		}
	}
}
