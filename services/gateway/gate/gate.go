package gate

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/appmatch"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/internal/policycache"
	"plumbline.dev/services/internal/requestid"
	"plumbline.dev/services/internal/servicetoken"
)

// Deps are the dependencies of a gate. External may be nil, and no external evaluation is answered then.
type Deps struct {
	Catalog   *catalog.Catalog // applications, policies, groups, checks and organizations
	Rules     *policycache.Cache
	Tokens    *servicetoken.View
	Keys      Keys
	Devices   Devices
	Sessions  Sessions
	External  Evaluator
	Freshness Freshness
	Access    AccessLog
	Seen      Seen
	Log       *slog.Logger
	Clock     clock.Clock
	// Decided is called with the reason of each decision. It may be nil.
	Decided func(policy.Reason)
}

// Gate decides about requests. It is safe for concurrent use.
type Gate struct {
	Deps
	catalog *catalog.Catalog
	rules   *policycache.Cache
	login   Login
	current atomic.Pointer[snapshot]
	// claims caches the claims of sessions, which are parsed on first use by a rule.
	claims *lru.Cache[*proto.Session, *policy.Claims]
}

// cachedClaims is the number of sessions with cached claims.
const cachedClaims = 4096

// New returns a gate. It knows no application until [Gate.Run] runs.
func New(d Deps) (*Gate, error) {
	claims, err := lru.New[*proto.Session, *policy.Claims](cachedClaims)
	if err != nil {
		return nil, fmt.Errorf("cache of claims: %w", err)
	}
	if d.Decided == nil {
		d.Decided = func(policy.Reason) {}
	}
	g := &Gate{Deps: d, catalog: d.Catalog, rules: d.Rules, claims: claims}
	g.current.Store(&snapshot{matcher: appmatch.Compile(nil)})
	return g, nil
}

// SendTo sets the login, which itself depends on the gate. Call it before the first request.
func (g *Gate) SendTo(l Login) { g.login = l }

// Check decides about a request. It never fails: a request that cannot be evaluated is denied.
func (g *Gate) Check(ctx context.Context, r *Request) *Answer {
	q := evaluations.Get().(*evaluation)
	defer func() {
		*q = evaluation{} // drop all references to the request
		evaluations.Put(q)
	}()
	*q = evaluation{Gate: g, ctx: ctx, r: r, now: g.Clock.Now(), a: &Answer{Ray: requestid.New()}}
	q.check()
	if q.a.Decision.Reason != policy.Undecided {
		g.Decided(q.a.Decision.Reason)
	}
	q.record()
	return q.a
}

// Decide evaluates an application's policies for a person who has just logged in.
func (g *Gate) Decide(ctx context.Context, r *Request, app Application, s *proto.Session) policy.Decision {
	q := evaluation{Gate: g, ctx: ctx, r: r, now: g.Clock.Now(), a: &Answer{App: app}, app: g.serve(g.current.Load(), app)}
	q.a.Identity.Session = s
	return policy.Decide(q.app.policies, q.facts())
}

// evaluations holds evaluations for reuse.
var evaluations = sync.Pool{New: func() any { return new(evaluation) }}

// evaluation is the state of one request during its evaluation. Nothing refers to it afterwards.
type evaluation struct {
	*Gate
	ctx context.Context
	r   *Request
	now time.Time
	a   *Answer

	text  string // the peer's address, formatted on first use
	app   *served
	creds credentials
	// badCredentials is the reason for rejecting the service credentials; Undecided if they are valid or absent.
	badCredentials policy.Reason
	// badToken is the reason for rejecting all of the client's application tokens; Undecided if one is valid, or none was
	// meant for the application.
	badToken policy.Reason
	// repeated reports that an already admitted request is evaluated anew. No token is obtained for it.
	repeated bool
	token    servicetoken.Record // with verified credentials, or behind the application token
	// held is the client's valid application token, or empty.
	held  string
	asked []proto.Posture // the check results that the policies used
	// excused is the first check with a pass that is not by the score, and its reason.
	excused struct {
		check  proto.ID
		reason proto.Reason
	}
	known policy.Facts
}

// check takes a request through the stages of the evaluation.
func (q *evaluation) check() {
	if !q.Freshness.Fresh(q.now) {
		q.refuse(policy.Decision{Reason: policy.Stale}, http.StatusServiceUnavailable)
		q.a.Response.Header.Set("Retry-After", "5")
		return
	}
	now := q.current.Load()
	app, target, why := locate(now.matcher, q.r.URL)
	if why != policy.Undecided {
		q.refuse(policy.Decision{Reason: why}, statusOf(why))
		return
	}
	q.a.App, q.a.Host, q.app = app, target.Authority(), q.serve(now, app)
	q.creds = readCredentials(q.r.Header, q.app.header)
	q.a.Drop = q.creds.drop
	switch {
	case q.app.allow && hasSeveral(q.r.Header, appSessionCookie):
		q.refuse(policy.Decision{Reason: policy.BadRequest}, http.StatusBadRequest)
	case q.app.app.Value.Gate.OptionsBypass && q.r.Method == http.MethodOptions && isBare(q.r):
		q.a.Decision = policy.Decision{Reason: policy.Preflight}
	case isPreflight(q.r) && q.preflight():
	case q.r.Method == http.MethodHead && !q.repeated && q.r.Header.Get("Cf-Access-Metadata-Request") == "true" &&
		q.describe():
	case q.creds.given && !q.app.lenient:
		q.checkService()
	default:
		q.checkAnybody()
	}
}

// preflight answers a preflight request if the application has cors_headers.
func (q *evaluation) preflight() bool {
	gate := &q.app.app.Value.Gate
	if gate.CORS == nil {
		return false
	}
	if q.a.Response = preflight(gate.CORS, q.r); q.a.Response == nil {
		q.refuse(policy.Decision{Reason: policy.CrossOrigin}, http.StatusForbidden)
		return true
	}
	q.a.Response.Header.Set(rayHeader, q.a.Ray)
	q.a.Decision = policy.Decision{Reason: policy.Preflight}
	return true
}

// describe tells a command line client which application protects the host (api/README.md 8.8).
func (q *evaluation) describe() bool {
	signed, err := q.Keys.Statement(q.ctx, &proto.Statement{Kind: proto.StatementMatch, Account: q.a.App.Account,
		Application: q.a.App.Value.ID, Hostname: q.r.URL.Host})
	if err != nil {
		q.Log.Debug("failed to obtain a statement about an application", "application", q.a.App.Value.ID, "err", err)
		return false
	}
	q.a.Response = &Response{Status: http.StatusOK,
		Header: http.Header{"Cf-Access-Metadata": {signed}, rayHeader: {q.a.Ray}}}
	q.mark(q.a.Response.Header)
	return true
}
