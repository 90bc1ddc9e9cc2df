package fold

import (
	"bytes"
	"slices"

	"plumbline.dev/proto"
)

// column is one check of an evaluation: of the new entry, of the previous one, or of both.
type column struct {
	proto.CheckRef
	// was is the check's index in the previous entry, or -1. gone is set if the check is not in the new entry. At least
	// one of the two entries contains the check.
	was  int
	gone bool
	// edited is set if the previous entry used another revision.
	edited     bool
	supported  bool
	expiration proto.Millis // 0: a score counts until a newer one comes
	// passes reports for every possible score whether it passes, so that the operator is looked up once a page.
	passes [101]bool
	// plain is set if the score alone decides, the breaker aside; guarded if flips are left for [pass.resolve].
	plain, guarded, settling bool
	// The rest is behind a pointer: the walk over the devices mostly does without it.
	*enforcement
}

// columns returns the columns of the checks in the new entry, by id, and then of the removed checks.
func columns(before []proto.CheckRef, now []Check) []column {
	now = first(now)
	out := make([]column, 0, len(now)+len(before))
	for _, c := range now {
		out = append(out, compile(c, before))
	}
	for was, ref := range before {
		if !slices.ContainsFunc(now, func(c Check) bool { return c.ID == ref.ID }) {
			out = append(out, column{CheckRef: ref, was: was, gone: true})
		}
	}
	return out
}

// first returns the checks within the limit, by id.
func first(checks []Check) []Check {
	byID := func(a, b Check) int { return bytes.Compare(a.ID[:], b.ID[:]) }
	if !slices.IsSortedFunc(checks, byID) {
		checks = slices.SortedFunc(slices.Values(checks), byID)
	}
	return checks[:min(len(checks), proto.MaxChecks)]
}

func compile(c Check, before []proto.CheckRef) column {
	col := column{CheckRef: proto.CheckRef{ID: c.ID, Revision: c.Revision}}
	col.was = slices.IndexFunc(before, func(r proto.CheckRef) bool { return r.ID == c.ID })
	col.edited = col.was < 0 || before[col.was].Revision != c.Revision
	_, col.supported = c.Operator.Holds(0, c.Score)
	col.supported = col.supported && c.Type == proto.TypeCustomS2S
	if c.Expiration > 0 {
		// An expiration below a millisecond is one: 0 would be none at all.
		col.expiration = max(1, proto.Millis(c.Expiration.Milliseconds()))
	}
	for score := range col.passes {
		col.passes[score], _ = c.Operator.Holds(score, c.Score)
	}
	col.enforcement = new(enforcement)
	col.compileEnforcement(c.Check)
	return col
}

// judge returns the check's verdict on a device; fresh is set if the score came with this input. expires is the time
// the score expires, 0 if it never does or has expired.
func (c *column) judge(res, old *proto.Result, fresh bool, now proto.Millis) (v proto.Verdict, expires proto.Millis) {
	switch {
	case !c.supported:
		return unknown(proto.ReasonUnsupported), 0
	case res.Score == proto.NoScore:
		return unknown(or(res.Problem, proto.ReasonNeverPolled)), 0
	case c.expiration > 0:
		expires = res.ObservedAt + c.expiration
		if now >= expires && !(c.settling && c.wasKnown(old)) || (!fresh && c.hadExpired(old)) {
			return unknown(or(res.Problem, proto.ReasonExpired)), 0
		}
	}
	outcome := proto.OutcomeFail
	if c.passes[res.Score] {
		outcome = proto.OutcomePass
	}
	return proto.Verdict{Outcome: outcome, Reason: proto.ReasonScore, Observed: outcome}, expires
}

// hadExpired reports whether the device's score had expired in the previous entry under this revision of the check: a
// device with a score is unknown for no other reason, unless the check could not be evaluated.
func (c *column) hadExpired(old *proto.Result) bool {
	if old == nil || c.edited || old.Score == proto.NoScore {
		return false
	}
	v := old.Verdicts[c.was]
	return v.Observed == proto.OutcomeUnknown && v.Reason != proto.ReasonUnsupported
}

// wasKnown reports whether the previous entry has evidence of the device for the check.
func (c *column) wasKnown(old *proto.Result) bool {
	return old != nil && c.was >= 0 && old.Verdicts[c.was].Observed != proto.OutcomeUnknown
}

func unknown(r proto.Reason) proto.Verdict { return proto.Verdict{Reason: r} }

func or(r, otherwise proto.Reason) proto.Reason {
	if r != proto.ReasonNone {
		return r
	}
	return otherwise
}
