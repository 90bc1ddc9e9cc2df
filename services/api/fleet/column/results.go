package column

import (
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/fleet/filter"
)

// Results holds the results of the devices of a page for one integration. It is immutable. Its rows are those of a
// [Text].
type Results struct {
	Integration proto.ID
	Seq         uint64 // of the entry in the posture log
	Checks      []proto.ID

	states [][]state    // by check and row
	scores []int8       // by row; proto.NoScore if there is none
	newest proto.Millis // when the newest of the scores came
	ages   []uint32     // by row, in seconds before newest; nil if all scores came then
}

// state is the state of one check for one device: the outcome in bits 0 and 1, the observed outcome in bits 2 and 3,
// and the reason of an outcome that is not by the score above them. The zero state is unknown.
type state uint8

const enforcedShift = 4

func stateOf(v proto.Verdict) state {
	s := state(v.Outcome&3) | state(v.Observed&3)<<2
	for n, r := range enforcedReasons {
		if v.Reason == r {
			s |= state(n+1) << enforcedShift
		}
	}
	return s
}

var (
	enforcedReasons = [...]proto.Reason{proto.ReasonHeld, proto.ReasonExempt, proto.ReasonGrace,
		proto.ReasonObserveOnly}
	enforcedStates = [...]filter.State{filter.StateHeld, filter.StateExempt, filter.StateGrace, filter.StateObserve}
	outcomes       = map[filter.State]proto.Outcome{filter.StatePass: proto.OutcomePass,
		filter.StateFail: proto.OutcomeFail, filter.StateUnknown: proto.OutcomeUnknown}
)

// Outcome returns the outcome.
func (s state) Outcome() proto.Outcome { return proto.Outcome(s & 3) }

// Observed returns the outcome of the newest evidence.
func (s state) Observed() proto.Outcome { return proto.Outcome(s >> 2 & 3) }

// Enforced returns the reason of an outcome that is not by the score; otherwise [proto.ReasonNone].
func (s state) Enforced() proto.Reason {
	if n := s >> enforcedShift; n > 0 {
		return enforcedReasons[n-1]
	}
	return proto.ReasonNone
}

// NewResults returns the columns of an entry of an integration, for the devices of a page.
func NewResults(e *proto.Entry, integration proto.ID, seq uint64, t *Text) *Results {
	r := &Results{Integration: integration, Seq: seq, Checks: make([]proto.ID, len(e.Checks)),
		states: make([][]state, len(e.Checks)), scores: make([]int8, len(t.IDs))}
	for n := range e.Checks {
		r.Checks[n], r.states[n] = e.Checks[n].ID, make([]state, len(t.IDs))
	}
	for n := range r.scores {
		r.scores[n] = proto.NoScore
	}
	rows, same := make([]int, len(e.Results)), true
	for n := range e.Results {
		r.newest = max(r.newest, e.Results[n].ObservedAt)
	}
	for n := range e.Results {
		result := &e.Results[n]
		row := t.rowOf(result.Device, 0, t.Active)
		if rows[n] = row; row < 0 {
			continue // it left the page, or is revoked
		}
		if result.ObservedAt != 0 {
			r.scores[row] = int8(result.Score)
			same = same && result.ObservedAt == r.newest
		}
		for i, v := range result.Verdicts {
			r.states[i][row] = stateOf(v)
		}
	}
	if same {
		return r
	}
	r.ages = make([]uint32, len(t.IDs))
	for n, row := range rows {
		if row >= 0 && e.Results[n].ObservedAt != 0 {
			r.ages[row] = uint32((r.newest - e.Results[n].ObservedAt) / 1000)
		}
	}
	return r
}

// Bytes returns the memory of the columns.
func (r *Results) Bytes() int { return len(r.scores)*(1+len(r.states)) + 4*len(r.ages) }

// score returns the score of a row and when it came, to the second.
func (r *Results) score(row int) (score int, at proto.Millis, found bool) {
	if r.scores[row] == proto.NoScore {
		return 0, 0, false
	}
	at = r.newest
	if r.ages != nil {
		at = at.Add(-time.Duration(r.ages[row]) * time.Second)
	}
	return int(r.scores[row]), at, true
}
