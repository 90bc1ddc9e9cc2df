package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/appmatch"
	"plumbline.dev/services/internal/catalog"
)

func (s *Service) applicationRoutes() []route {
	const all, one = accountPath + "/access/apps", accountPath + "/access/apps/{id}"
	return append([]route{
		{method: http.MethodGet, path: all, of: areaApps, handle: s.listApplications, zones: true},
		{method: http.MethodPost, path: all, of: areaApps, handle: s.createApplication, zones: true},
		{method: http.MethodGet, path: one, of: areaApps, handle: s.getApplication, zones: true},
		{method: http.MethodPut, path: one, of: areaApps, handle: s.updateApplication, zones: true},
		{method: http.MethodDelete, path: one, of: areaApps, handle: s.deleteApplication, zones: true},
		{method: http.MethodPost, path: one + "/revoke_tokens", of: areaApps, handle: s.revokeTokens, zones: true},
		{method: http.MethodPost, path: one + "/revoke-tokens", of: areaApps, handle: s.revokeTokens, zones: true}, // as the SDK v0 writes it
		{method: http.MethodGet, path: one + "/user_policy_checks", of: areaApps, handle: s.userChecks, zones: true},
		{method: http.MethodPut, path: one + "/settings", of: areaApps, handle: s.changeSettings, zones: true},
		{method: http.MethodPatch, path: one + "/settings", of: areaApps, handle: s.changeSettings, zones: true},
	}, s.appPolicyRoutes()...)
}

// viewApplication is what was sent, with what is ours (api/README.md 3.3).
func (s *Service) viewApplication(a proto.Account, app *proto.Application) json.RawMessage {
	policies, unsupported := s.viewLinks(a, app.Policies)
	return splice(app.Sent, struct {
		ID          proto.ID          `json:"id"`
		UID         proto.ID          `json:"uid"`
		AUD         string            `json:"aud"`
		Policies    []json.RawMessage `json:"policies"`
		OriginURL   string            `json:"x_origin_url,omitempty"`
		Unsupported []string          `json:"x_unsupported,omitempty"`
		CreatedAt   stamp             `json:"created_at"`
		UpdatedAt   stamp             `json:"updated_at"`
	}{app.ID, app.ID, app.AUD, policies, app.OriginURL, merged(s.unsupportedApplication(a, app), unsupported), stamp(app.CreatedAt), stamp(app.UpdatedAt)})
}

func (s *Service) listApplications(ctx context.Context, c *call) (answer, error) {
	if err := s.fresh(ctx); err != nil {
		return answer{}, err
	}
	q := c.URL.Query()
	all := s.index.account(c.account).apps.all()
	if c.zoned() || filtered(q, "aud", "name", "domain", "search") {
		wants := wanted(q)
		all = matching(all, func(app catalog.Record[proto.Application]) bool { return c.sees(app.Value.Zone) && wants(app.Value) })
	}
	part, info, err := paged(q, all)
	if err != nil {
		return answer{}, err
	}
	views, err := listed(part, s.shownPolicies, func(app catalog.Record[proto.Application]) any {
		return s.viewApplication(c.account, app.Value)
	})
	return answer{result: views, info: info}, err
}

// shownPolicies is the basis of an application's view: its policies as they are now.
func (s *Service) shownPolicies(app catalog.Record[proto.Application]) basis {
	var newest, n uint64
	for _, link := range app.Value.Policies {
		if p, found := s.catalog.Policy(app.Account, link.Policy); found {
			newest, n = max(newest, p.Revision), n+1
		}
	}
	return basis{newest, n, s.referred()}
}

// wanted tells of applications whether a list's filters let them through (api/README.md 3.2): names and domains
// by a part of them, unless exact is asked for.
func wanted(q url.Values) func(*proto.Application) bool {
	aud, name, domain, search := q.Get("aud"), q.Get("name"), q.Get("domain"), strings.ToLower(q.Get("search"))
	match := func(value, wanted string) bool { return value == wanted }
	if q.Get("exact") != "true" {
		match, name, domain = hasText, strings.ToLower(name), strings.ToLower(domain)
	}
	return func(app *proto.Application) bool {
		return (aud == "" || aud == app.AUD) &&
			(name == "" || match(app.Name, name)) &&
			(domain == "" || slices.ContainsFunc(app.Domains, func(d string) bool { return match(d, domain) })) &&
			(search == "" || hasText(app.Name, search) || strings.Contains(app.AUD, search) ||
				slices.ContainsFunc(app.Domains, func(d string) bool { return hasText(d, search) }))
	}
}

// hasText tells whether a text has another one, which is in lower case, in it.
func hasText(text, lower string) bool { return strings.Contains(strings.ToLower(text), lower) }

func (s *Service) getApplication(ctx context.Context, c *call) (answer, error) {
	app, err := s.application(ctx, c)
	if err != nil {
		return answer{}, err
	}
	return answer{result: s.viewApplication(c.account, app.Value), revision: app.Revision}, nil
}

// application finds the one that the path names.
func (s *Service) application(ctx context.Context, c *call) (catalog.Record[proto.Application], error) {
	return inScope(c, errNoApplication, func(app *proto.Application) proto.Account { return app.Zone })(
		named(ctx, s, c, s.catalog.Application, errNoApplication))
}

func (s *Service) createApplication(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err == nil {
		err = s.fresh(ctx)
	}
	if err != nil {
		return answer{}, err
	}
	now := proto.At(s.clock.Now())
	app := proto.Application{ID: proto.NewID(), AUD: newAUD(), CreatedAt: now, UpdatedAt: now, Zone: c.zone}
	a, err := s.saveApplication(ctx, c, body, &app, catalog.Record[proto.Application]{})
	a.status = http.StatusCreated
	a.messages = s.sameApplicationName(c, &app)
	return a, err
}

// newAUD draws an audience of 64 hex characters.
func newAUD() string {
	var b [32]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// updateApplication replaces the application by what is sent. Its AUD stays, its policies where they are
// not sent, and x_origin_url where it is not sent.
func (s *Service) updateApplication(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	old, err := s.application(ctx, c)
	if err != nil {
		return answer{}, err
	}
	app := proto.Application{ID: old.Value.ID, AUD: old.Value.AUD, CreatedAt: old.Value.CreatedAt, UpdatedAt: proto.At(s.clock.Now()),
		Policies: old.Value.Policies, Zone: old.Value.Zone}
	a, err := s.saveApplication(ctx, c, body, &app, old)
	if app.Name != old.Value.Name {
		a.messages = s.sameApplicationName(c, &app)
	}
	return a, err
}

func (s *Service) saveApplication(ctx context.Context, c *call, body object, app *proto.Application, old catalog.Record[proto.Application]) (answer, error) {
	if err := readApplication(body, app, old.Value); err != nil {
		return answer{}, err
	}
	for range attempts {
		claims, err := s.claim(ctx, c.account, newDestinations(app, old.Value))
		if err == nil && len(claims) > 0 {
			err = s.fresh(ctx)
		}
		if err == nil {
			err = s.unclaimed(c.account, app)
		}
		if err == nil {
			err = s.checkZone(c, app, old.Value)
		}
		if err == nil {
			err = s.namesWhatIs(c.account, body, app, old.Value)
		}
		var p linkPlan
		if err == nil {
			p, err = s.planOf(c.account, body, app)
		}
		if err != nil {
			return answer{}, err
		}
		revision, err := s.save(ctx, c.account, app, p, old.Revision, claims...)
		// The answer shows the policies as they are now, and another attempt, what made this one fail.
		if fresh := s.fresh(ctx); err == nil && fresh != nil {
			return answer{}, fresh
		}
		if errors.Is(err, bus.ErrConflict) && len(claims) > 0 && s.stands(c.account, old, app.ID) {
			continue // somebody claims the same at this moment
		}
		if err != nil {
			return answer{}, err
		}
		return answer{result: s.viewApplication(c.account, app), revision: revision}, nil
	}
	return answer{}, errConflict
}

// stands tells whether an application is as it was.
func (s *Service) stands(a proto.Account, old catalog.Record[proto.Application], id proto.ID) bool {
	now, found := s.catalog.Application(a, id)
	return found == (old.Value != nil) && now.Revision == old.Revision
}

// planOf plans the policies where the body has them, and links them.
func (s *Service) planOf(a proto.Account, body object, app *proto.Application) (p linkPlan, err error) {
	if !body.has("policies") {
		return p, nil
	}
	items, err := readItems(body["policies"])
	if err != nil {
		return p, err
	}
	if p, err = s.plan(a, app.ID, items, app.UpdatedAt); err == nil {
		app.Policies = p.links
	}
	return p, err
}

// unclaimed refuses a destination that another application has: requests to it could be either's.
func (s *Service) unclaimed(a proto.Account, app *proto.Application) error {
	for _, d := range app.Domains {
		p, err := appmatch.Parse(d)
		if err != nil {
			continue
		}
		if id, claimed := s.index.claimant(a, p.String(), app.ID); claimed {
			name := ""
			if other, found := s.catalog.Application(a, id); found {
				name = other.Value.Name
			}
			return refuse(http.StatusConflict, codeApplicationExists,
				"access.api.error.conflict: the destination %q belongs to the application %q", clip(d), clip(name))
		}
	}
	return nil
}

func (s *Service) deleteApplication(ctx context.Context, c *call) (answer, error) {
	for range attempts {
		app, err := s.application(ctx, c)
		if err != nil {
			return answer{}, err
		}
		owned := dropped(c.account, s.index.ownedBy(c.account, app.Value.ID))
		_, err = s.write(ctx, c.account, topology.Config, append(owned, put(c.account, topology.KindApplication, app.Value.ID, nil, app.Revision))...)
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return answer{status: http.StatusAccepted, result: idOnly{app.Value.ID}}, err
	}
	return answer{}, errConflict
}

// texts reads a list of strings that was checked before.
func texts(raw json.RawMessage) []string {
	var all []string
	_ = json.Unmarshal(raw, &all)
	return all
}
