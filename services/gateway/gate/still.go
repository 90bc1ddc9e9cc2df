package gate

import (
	"context"
	"net/http"

	"plumbline.dev/services/internal/policy"
)

// Still decides again about a request that was admitted and is not over yet: an open connection, a stream. It
// gives nil while the request is admitted to the same application as whom it was admitted; else the refusal,
// which is recorded under the request's own ray. What is admitted is recorded nowhere, and nothing is obtained
// for it.
func (g *Gate) Still(ctx context.Context, r *Request, was *Answer) *Answer {
	q := asking{Gate: g, ctx: ctx, r: r, now: g.Clock.Now(), a: &Answer{Ray: was.Ray}, again: true}
	if q.check(); ctx.Err() != nil {
		return nil
	}
	if q.a.Admitted() {
		why := q.other(was)
		if why == policy.Undecided {
			return nil
		}
		q.refuse(policy.Decision{Reason: why}, http.StatusForbidden)
	}
	if q.a.Response == nil {
		q.a.Response = q.say(q.a.Decision, http.StatusForbidden)
	}
	// Whose it was is known, also where that no longer counts.
	if q.a.App.Value == nil || q.a.App.Value.ID != was.App.Value.ID {
		q.a.App, q.app = was.App, g.serve(g.current.Load(), was.App)
	}
	q.a.Identity = was.Identity
	if q.a.Device.IsZero() {
		q.a.Device = was.Device
	}
	g.Decided(q.a.Decision.Reason)
	q.record()
	return q.a
}

// other is why a request that is admitted is not the one that was: the origin was told of another.
func (q *asking) other(was *Answer) policy.Reason {
	switch {
	case q.a.App.Account != was.App.Account || q.a.App.Value.ID != was.App.Value.ID:
		return policy.UnknownApplication
	case was.Assertion == "" || same(q.a.Identity, was.Identity):
		return policy.Undecided
	case q.wrong != policy.Undecided:
		return q.wrong
	case q.void != policy.Undecided:
		return q.void
	}
	return policy.SessionEnded
}
