// Package column holds the pages of devices with their newest results as compact columns, and finds the devices that
// a filter selects. It is pure. Text is compressed by page and property, so a filter decompresses only the properties
// that it names, into a buffer that stays in the processor's cache. A device takes about 40 bytes of text, 1 for each
// check, 1 for each score, and 4 for each score if the scores of its page did not come at once.
package column

import (
	"math/bits"

	"plumbline.dev/proto"
)

// Rows is a set of rows of a page.
type Rows [(proto.PageSize + 63) / 64]uint64

func (r *Rows) set(n int) { r[n/64] |= 1 << (n % 64) }

// Has reports whether a row is in the set.
func (r *Rows) Has(n int) bool { return r[n/64]&(1<<(n%64)) != 0 }

// Count returns the number of rows.
func (r *Rows) Count() (n int) {
	for _, w := range r {
		n += bits.OnesCount64(w)
	}
	return n
}

// span returns the rows from and before to.
func span(from, to int) (r Rows) {
	for n := range r {
		r[n] = low(to-64*n) &^ low(from-64*n)
	}
	return r
}

// low returns a word with the lowest n bits set; none if n is negative, and all if it is above 64.
func low(n int) uint64 {
	switch {
	case n <= 0:
		return 0
	case n >= 64:
		return ^uint64(0)
	}
	return 1<<n - 1
}

func (r Rows) and(o Rows) Rows {
	for n := range r {
		r[n] &= o[n]
	}
	return r
}

func (r Rows) or(o Rows) Rows {
	for n := range r {
		r[n] |= o[n]
	}
	return r
}

func (r Rows) without(o Rows) Rows {
	for n := range r {
		r[n] &^= o[n]
	}
	return r
}

// Page is a page of devices with their newest results. It is immutable.
type Page struct {
	*Text
	Results []*Results // by integration
}

// State returns the outcome of a check for a row, the observed one, and the reason of an outcome that is not by the
// score.
func (p *Page) State(check proto.ID, row int) (outcome, observed proto.Outcome, enforced proto.Reason) {
	s := state(0)
	if states := p.states(check); states != nil {
		s = states[row]
	}
	return s.Outcome(), s.Observed(), s.Enforced()
}

// states returns the states of a check by row, or nil if the page has no result of it.
func (p *Page) states(check proto.ID) []state {
	for _, r := range p.Results {
		for n, id := range r.Checks {
			if id == check {
				return r.states[n]
			}
		}
	}
	return nil
}

// Score returns the lowest score of a row, and when the oldest of its scores came.
func (p *Page) Score(row int) (lowest int, oldest proto.Millis, found bool) {
	for _, r := range p.Results {
		score, at, has := r.score(row)
		if !has {
			continue
		}
		if !found || score < lowest {
			lowest = score
		}
		if !found || at < oldest {
			oldest = at
		}
		found = true
	}
	return lowest, oldest, found
}
