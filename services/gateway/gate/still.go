package gate

import (
	"context"
	"net/http"

	"plumbline.dev/services/internal/policy"
)

// Still evaluates an admitted request again during a long transfer: an open connection or a stream. It returns nil as
// long as the request is admitted to the same application under the same identity, and otherwise the refusal, which
// is recorded under the request's original id. Still records no admission and obtains no token.
func (g *Gate) Still(ctx context.Context, r *Request, was *Answer) *Answer {
	q := evaluation{Gate: g, ctx: ctx, r: r, now: g.Clock.Now(), a: &Answer{Ray: was.Ray}, repeated: true}
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
	// The record names the original identity, even if it is no longer valid.
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

// other returns the reason if the request is now admitted under another identity or for another application than the
// origin was told.
func (q *evaluation) other(was *Answer) policy.Reason {
	switch {
	case q.a.App.Account != was.App.Account || q.a.App.Value.ID != was.App.Value.ID:
		return policy.UnknownApplication
	case was.Assertion == "" || sameIdentity(q.a.Identity, was.Identity):
		return policy.Undecided
	case q.badCredentials != policy.Undecided:
		return q.badCredentials
	case q.badToken != policy.Undecided:
		return q.badToken
	}
	return policy.SessionEnded
}
