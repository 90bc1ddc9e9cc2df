package gate

import (
	"context"
	"net/url"
	"sync"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/appmatch"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/headername"
	"plumbline.dev/services/internal/policy"
)

// snapshot is the compiled configuration at one moment.
type snapshot struct {
	matcher      *appmatch.Matcher
	applications uint64   // the revision of its newest application
	ready        sync.Map // *proto.Application → *served; filled on demand
}

// served is a compiled application.
type served struct {
	app      Application
	policies []*policy.Policy
	header   string // the canonical name of the header with its credentials; empty: none
	lenient  bool
	allow    bool // it has an Allow policy: people may log in, and application tokens count
	service  bool // it has a Service Auth policy
	posture  bool // a policy has a posture check
	external []policy.Evaluation
}

// typeServed is the type of application that this build serves.
const typeServed = "self_hosted"

// Run follows the configuration until ctx ends.
func (g *Gate) Run(ctx context.Context) error {
	for {
		changed := g.catalog.Changed()
		g.refresh()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

func (g *Gate) refresh() {
	next := &snapshot{applications: g.catalog.RevisionOf(topology.KindApplication)}
	if now := g.current.Load(); now != nil && now.applications == next.applications {
		next.matcher = now.matcher
	} else {
		var apps []Application
		// While an application's destinations are unknown, they may lie within those of any other.
		uncertain := len(g.catalog.Uncertain()) > 0
		for _, app := range g.catalog.AllApplications() {
			if uncertain && !app.Unreadable {
				app.Value = catalog.Closed(app.Value)
			}
			if app.Value.Type == typeServed {
				apps = append(apps, app)
			}
		}
		next.matcher = appmatch.Compile(apps)
	}
	g.current.Store(next)
}

// Find returns the application of a URL, as [Gate.Check] finds it, or false if the URL has none or is ambiguous.
func (g *Gate) Find(u *url.URL) (Application, bool) {
	app, _, why := locate(g.current.Load().matcher, u)
	return app, why == policy.Undecided
}

// serve compiles an application, once per state of the configuration.
func (g *Gate) serve(now *snapshot, app Application) *served {
	if s, ok := now.ready.Load(app.Value); ok {
		return s.(*served)
	}
	s := &served{app: app, policies: g.rules.Of(app), lenient: g.catalog.Organization(app.Account).Value.Lenient}
	s.header, _ = headername.Credentials(app.Value.Gate.TokenHeader)
	for _, p := range s.policies {
		s.allow = s.allow || p.Decides() == proto.DecisionAllow
		s.service = s.service || p.Decides() == proto.DecisionNonIdentity
	}
	s.posture, s.external = policy.UsesPosture(s.policies), policy.External(s.policies)
	known, _ := now.ready.LoadOrStore(app.Value, s)
	return known.(*served)
}
