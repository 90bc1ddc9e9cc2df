package dashboard

import (
	"cmp"
	"context"
	"slices"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/posture"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/overview"
)

func (s *API) get(ctx context.Context, c *v4.Call) (v4.Response, error) {
	standings, err := s.Posture.Standings(ctx, c.Account)
	if err != nil {
		return v4.Response{}, err
	}
	now := proto.At(s.Store.Clock.Now())
	v := view{At: v4.Timestamp(now), Checks: s.checks(c.Account), Integrations: s.integrations(c.Account, standings),
		Applications: len(s.Store.Catalog.Applications(c.Account)), Policies: len(s.Store.Catalog.Policies(c.Account))}
	_, v.Devices = s.Device.Inventory.Size(c.Account)
	may := func(scope v4.Scope) bool {
		return permission.Permits(c.Token, v4.Permission{Scope: scope}, c.Zone)
	}
	if may(permission.Exemptions) {
		v.Exemptions = s.exemptions(c.Account, now)
	}
	if may(permission.ServiceTokens) || may(permission.APITokens) {
		if err := s.Store.FreshTokens(ctx); err != nil {
			return v4.Response{}, err
		}
	}
	if may(permission.ServiceTokens) {
		v.Tokens = s.serviceTokens(c.Account, now)
	}
	if may(permission.APITokens) {
		v.APITokens = s.apiTokens(c.Account, now)
	}
	return v4.OK(v), nil
}

// checks returns the state of each check, the oldest first.
func (s *API) checks(a proto.Account) []checkView {
	all := s.Store.Catalog.ChecksOf(a)
	slices.SortStableFunc(all, func(x, y catalog.Record[proto.Check]) int {
		return cmp.Compare(x.Value.CreatedAt, y.Value.CreatedAt)
	})
	applications := s.Access.CheckApplications(a)
	counted := map[proto.ID]map[proto.ID]overview.CheckTotal{}
	views := make([]checkView, len(all))
	for n, r := range all {
		check := r.Value
		v := checkView{ID: check.ID, Name: check.Name, Mode: "enforce", Applications: applications[check.ID],
			Past: []pastCounts{}, Evaluated: s.Posture.IsPolled(a, check)}
		if check.Mode == proto.ModeObserve {
			v.Mode = "observe"
		}
		if _, found := s.Store.Catalog.Integration(a, check.Integration); found {
			text := check.Integration.String()
			v.Integration = &text
			if counted[check.Integration] == nil {
				counted[check.Integration] = s.Posture.Overview.Checks(a, check.Integration)
			}
			v.count(counted[check.Integration][check.ID])
		}
		views[n] = v
	}
	return views
}

func (v *checkView) count(t overview.CheckTotal) {
	v.Pass, v.Fail, v.Unknown, v.Changed = t.Pass, t.Fail, t.Unknown, t.Changed
	v.ObserveOnly, v.Exempt = t.Enforced.ObserveOnly, t.Enforced.Exempt
	v.Grace, v.Held = t.Enforced.Grace, t.Enforced.Held
	for _, p := range t.Past {
		v.Past = append(v.Past, pastCounts{v4.Timestamp(p.At), p.Pass, p.Fail, p.Unknown})
	}
}

func (s *API) integrations(a proto.Account, standings []posture.Standing) []integrationView {
	views := make([]integrationView, len(standings))
	for n, standing := range standings {
		views[n].Standing = standing
		if i, found := s.Store.Catalog.Integration(a, standing.ID); found {
			views[n].Type = i.Value.Type
			views[n].Freshness = s.Posture.Overview.Freshness(a, i.Value, s.Store.Clock.Now())
		}
	}
	return views
}

// Bounds of what ends soon.
const (
	endingWithin   = 3 * 24 * time.Hour
	maxEnding      = 5
	expiringWithin = 30 * 24 * time.Hour
	expiredWithin  = 7 * 24 * time.Hour
	maxExpiring    = 10
)

func (s *API) exemptions(a proto.Account, now proto.Millis) *exemptionsView {
	v := &exemptionsView{Ending: []device.ExemptionView{}}
	var ending []*proto.Exemption
	for _, r := range s.Store.Catalog.Exemptions(a) {
		if !s.Device.IsActive(a, r.Value) {
			continue
		}
		if v.Active++; r.Value.Until <= now.Add(endingWithin) {
			ending = append(ending, r.Value)
		}
	}
	slices.SortFunc(ending, func(x, y *proto.Exemption) int { return cmp.Compare(x.Until, y.Until) })
	for _, x := range ending[:min(len(ending), maxEnding)] {
		v.Ending = append(v.Ending, s.Device.ViewExemption(a, x))
	}
	return v
}

func (s *API) serviceTokens(a proto.Account, now proto.Millis) *tokensView {
	all := s.Store.Tokens.List(a)
	v := &tokensView{Count: len(all)}
	for _, item := range all {
		t := item.Value.Value
		if t.Disabled || !expires(t.ExpiresAt, now) {
			continue
		}
		v.Expiring = append(v.Expiring, expiringToken{ID: t.ID, Name: t.Name, ExpiresAt: v4.Timestamp(t.ExpiresAt),
			LastUsed: v4.Timestamp(s.Store.Tokens.LastSeen(item.Value.Key)), Rules: s.Access.RulesNaming(a, t.ID)})
	}
	v.Expiring = soonest(v.Expiring)
	return v
}

func (s *API) apiTokens(a proto.Account, now proto.Millis) *tokensView {
	all := s.Store.Tokens.ListAPI(a)
	v := &tokensView{Count: len(all)}
	for _, r := range all {
		t := r.Value
		if t.Disabled || !expires(t.ExpiresAt, now) {
			continue
		}
		v.Expiring = append(v.Expiring, expiringToken{ID: t.ID, Name: t.Name, ExpiresAt: v4.Timestamp(t.ExpiresAt),
			LastUsed: v4.Timestamp(s.Store.Tokens.LastUsed(a, t.ID))})
	}
	v.Expiring = soonest(v.Expiring)
	return v
}

// expires reports whether a time of expiry, 0 for never, is near.
func expires(at, now proto.Millis) bool {
	return at != 0 && at <= now.Add(expiringWithin) && at > now.Add(-expiredWithin)
}

// soonest returns the first tokens to expire, never nil.
func soonest(all []expiringToken) []expiringToken {
	slices.SortFunc(all, func(x, y expiringToken) int { return cmp.Compare(x.ExpiresAt, y.ExpiresAt) })
	return append([]expiringToken{}, all[:min(len(all), maxExpiring)]...)
}
