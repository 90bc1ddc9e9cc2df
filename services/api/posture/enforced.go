package posture

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"plumbline.dev/proto"
)

// enforced explains in words why an outcome of an entry is not, or not only, by the score: a hold, a grace, an
// exemption, observe mode or a recover score. It returns "" for other outcomes. The entry may be of any age; an
// exemption or a switch that was removed since has no details.
func (s *API) enforced(a proto.Account, e *proto.Entry, row, column int) string {
	v := e.Results[row].Verdicts[column]
	state := e.State(column)
	if state.Hold != nil && slices.Contains(state.Withheld, row) {
		return heldText(state)
	}
	switch v.Reason {
	case proto.ReasonHeld:
		return heldText(state)
	case proto.ReasonGrace:
		return s.graceText(a, e.Checks[column].ID, state, row)
	case proto.ReasonExempt:
		return s.exemptText(a, e, e.Results[row].Device, e.Checks[column].ID)
	case proto.ReasonObserveOnly:
		return s.observeText(a, e, e.Checks[column].ID)
	case proto.ReasonScore:
		if v.Outcome == proto.OutcomeFail && v.Observed == proto.OutcomePass {
			return s.recoverText(a, e.Checks[column].ID)
		}
	}
	return ""
}

func heldText(state *proto.CheckState) string {
	h := state.Hold
	if h == nil {
		return "held"
	}
	text := "held since " + moment(h.Since)
	var would []string
	if f := &state.Flips; f.Out > 0 {
		would = append(would, fmt.Sprintf("%d of %d passing devices of the page would change to fail", f.Out, f.Passing))
	}
	if f := &state.Flips; f.In > 0 {
		would = append(would, fmt.Sprintf("%d of %d devices of the page would change to pass", f.In, f.Known))
	}
	if len(would) > 0 {
		text += ": " + strings.Join(would, " and ") + " in one poll"
	}
	if h.Safe {
		text += "; held for so long, a device passes only if its outcome was pass before and is pass by its score"
	}
	return text
}

func (s *API) graceText(a proto.Account, check proto.ID, state *proto.CheckState, row int) string {
	since, running := state.GraceOf(row)
	r, found := s.store.Catalog.Check(a, check)
	if !running || !found {
		return "grace"
	}
	return "grace until " + moment(since.Add(r.Value.Grace))
}

func (s *API) exemptText(a proto.Account, e *proto.Entry, device, check proto.ID) string {
	for _, ref := range e.Exemptions {
		r, found := s.store.Catalog.Exemption(a, ref.ID)
		if x := r.Value; found && !ref.Ended && x.Device == device && x.Covers(check) {
			return fmt.Sprintf("exempt until %s, by %s: %s", moment(x.Until), x.Author, x.Reason)
		}
	}
	return "exempt"
}

func (s *API) observeText(a proto.Account, e *proto.Entry, check proto.ID) string {
	if r, found := s.store.Catalog.Check(a, check); found && r.Value.Mode == proto.ModeObserve {
		return "observe only: the check is in observe mode"
	}
	o := s.store.Catalog.Organization(a).Value.Observe
	if !e.Observe.On || o == nil || o.Until != e.Observe.Until {
		return "observe only"
	}
	return fmt.Sprintf("observe only until %s for the whole account, by %s: %s", moment(o.Until), o.By, o.Reason)
}

func (s *API) recoverText(a proto.Account, check proto.ID) string {
	r, found := s.store.Catalog.Check(a, check)
	if !found || r.Value.RecoverScore == nil {
		return "the device failed before"
	}
	return "the device failed before: it passes again when its score is " +
		condition(r.Value.Operator, *r.Value.RecoverScore)
}

// moment formats a time to the second, in UTC.
func moment(m proto.Millis) string { return m.Time().UTC().Format(time.RFC3339) }

// enforcedSentence explains an outcome with text from [API.enforced]: first the evidence, then the text.
func enforcedSentence(x *Explanation) string {
	evidence := fmt.Sprintf("By the newest evidence, the outcome would be %s.", x.Observed)
	if x.Score != nil && x.Observed != proto.OutcomeUnknown {
		evidence = comparisonSentence(x, x.Observed == proto.OutcomePass)
	}
	return evidence + " " + strings.ToUpper(x.Why[:1]) + x.Why[1:] + "."
}

func comparisonSentence(x *Explanation, holds bool) string {
	link := "but"
	if holds {
		link = "and"
	}
	return fmt.Sprintf("The newest score is %d, %s it must be %s.", *x.Score, link, condition(x.Operator, *x.Wanted))
}

// condition returns a comparison in words.
func condition(o proto.Operator, wanted float64) string {
	words := map[proto.Operator]string{proto.OpLess: "less than", proto.OpLessEqual: "at most", proto.OpEqual: "exactly",
		proto.OpGreater: "more than", proto.OpGreaterEqual: "at least"}
	return words[o] + " " + strconv.FormatFloat(wanted, 'f', -1, 64)
}
