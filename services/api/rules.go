package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// A check is called a posture rule in the v4 API.

func (s *Service) ruleRoutes() []route {
	const all, one = accountPath + "/devices/posture", accountPath + "/devices/posture/{id}"
	return []route{
		{method: http.MethodGet, path: all, of: areaPosture, handle: s.listRules},
		{method: http.MethodPost, path: all, of: areaPosture, handle: s.createRule},
		{method: http.MethodGet, path: one, of: areaPosture, handle: s.getRule},
		{method: http.MethodPut, path: one, of: areaPosture, handle: s.updateRule},
		{method: http.MethodDelete, path: one, of: areaPosture, handle: s.deleteRule},
	}
}

// viewRule is what was sent, and the id. A type that is kept and not evaluated is named.
func viewRule(c *proto.Check) json.RawMessage {
	return splice(c.Sent, struct {
		ID          proto.ID `json:"id"`
		Unsupported []string `json:"x_unsupported,omitempty"`
	}{c.ID, unsupportedType(c.Type)})
}

func (s *Service) listRules(ctx context.Context, c *call) (answer, error) {
	if err := s.fresh(ctx); err != nil {
		return answer{}, err
	}
	all := s.catalog.ChecksOf(c.account)
	slices.SortStableFunc(all, func(a, b catalog.Record[proto.Check]) int {
		return cmp.Compare(a.Value.CreatedAt, b.Value.CreatedAt)
	})
	views := make([]json.RawMessage, len(all))
	for n, r := range all {
		views[n] = viewRule(r.Value)
	}
	return answer{result: views, info: whole(len(views))}, nil
}

func (s *Service) getRule(ctx context.Context, c *call) (answer, error) {
	r, err := s.rule(ctx, c)
	if err != nil {
		return answer{}, err
	}
	return answer{result: viewRule(r.Value), revision: r.Revision}, nil
}

// rule finds the one that the path names.
func (s *Service) rule(ctx context.Context, c *call) (catalog.Record[proto.Check], error) {
	return named(ctx, s, c, s.catalog.Check, errNoRule)
}

func (s *Service) createRule(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err == nil {
		err = s.fresh(ctx)
	}
	if err != nil {
		return answer{}, err
	}
	now := proto.At(s.clock.Now())
	check := proto.Check{ID: proto.NewID(), CreatedAt: now, UpdatedAt: now}
	return s.saveRule(ctx, c, body, check, catalog.Record[proto.Check]{})
}

// updateRule replaces the rule by what is sent (api/README.md 6.1).
func (s *Service) updateRule(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	old, err := s.rule(ctx, c)
	if err != nil {
		return answer{}, err
	}
	check := proto.Check{ID: old.Value.ID, CreatedAt: old.Value.CreatedAt, UpdatedAt: proto.At(s.clock.Now())}
	return s.saveRule(ctx, c, body, check, old)
}

// saveRule reads a body into a check and stores it in place of old, which has no value for a new one.
func (s *Service) saveRule(ctx context.Context, c *call, body object, check proto.Check, old catalog.Record[proto.Check]) (answer, error) {
	if err := readRule(body, &check); err != nil {
		return answer{}, err
	}
	if check.Type == proto.TypeCustomS2S {
		i, found := s.catalog.Integration(c.account, check.Integration)
		switch {
		case !found:
			return answer{}, invalidRule("input.connection_id names no posture integration")
		case i.Value.Type != proto.TypeCustomS2S:
			return answer{}, invalidRule("input.connection_id names an integration of type %s, custom_s2s is needed", i.Value.Type)
		case s.others(c.account, &check) >= proto.MaxChecks:
			return answer{}, errManyRules
		}
	}
	revision, err := s.put(ctx, c.account, topology.KindCheck, check.ID, &check, old.Revision)
	if err != nil {
		return answer{}, err
	}
	if old.Value == nil || old.Value.Integration != check.Integration {
		if err := s.settle(ctx, c.account, &check, revision, old.Value); err != nil {
			return answer{}, err
		}
	}
	a := answer{result: viewRule(&check), revision: revision}
	if check.Type == proto.TypeCustomS2S && check.Expiration == 0 {
		a.messages = []notice{{codeNoExpiration, "this rule has no expiration: a result counts until newer data comes, " +
			"even if the integration cannot be polled for long"}}
	}
	if old.Value == nil || old.Value.Name != check.Name {
		a.messages = append(a.messages, s.sameRuleName(c, &check)...)
	}
	return a, nil
}

// codeNoExpiration is of a message, not of an error.
const codeNoExpiration = 6026

var errManyRules = invalidRule("the integration has %d rules already, more cannot be evaluated together", proto.MaxChecks)

// others counts the checks of a check's integration beside it.
func (s *Service) others(a proto.Account, check *proto.Check) int {
	n := 0
	for _, other := range s.catalog.Checks(a, check.Integration) {
		if other.Value.ID != check.ID {
			n++
		}
	}
	return n
}

// settle takes back a check that came to be one too many because several were saved at once. Each of them
// looks after its own write, so that at least the later ones see all: an entry holds no more checks.
func (s *Service) settle(ctx context.Context, a proto.Account, check *proto.Check, revision uint64, old *proto.Check) error {
	if check.Integration.IsZero() {
		return nil
	}
	err := s.fresh(ctx)
	if err == nil && s.others(a, check) < proto.MaxChecks {
		return nil
	}
	if err == nil {
		err = errManyRules
	}
	var undone error
	if old == nil {
		undone = s.remove(ctx, a, topology.KindCheck, check.ID, revision)
	} else {
		_, undone = s.put(ctx, a, topology.KindCheck, check.ID, old, revision)
	}
	if undone != nil && !errors.Is(undone, bus.ErrConflict) {
		return undone
	}
	return err
}

// policiesRequiring are the policies and groups with a rule about a check, as people call them.
func (s *Service) policiesRequiring(a proto.Account, check proto.ID) []string {
	return s.rulesWith(a, check, func(r proto.Rule) bool {
		return r.Selector == "device_posture" && ruleNames(r, "integration_uid", check)
	})
}

// deleteRule refuses while a policy or a group names the check: it would admit nobody any more, unseen.
func (s *Service) deleteRule(ctx context.Context, c *call) (answer, error) {
	for range attempts {
		r, err := s.rule(ctx, c)
		if err != nil {
			return answer{}, err
		}
		if err := inUse("posture rule", s.policiesRequiring(c.account, r.Value.ID)); err != nil {
			return answer{}, err
		}
		err = s.remove(ctx, c.account, topology.KindCheck, r.Value.ID, r.Revision)
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return ok(idOnly{r.Value.ID}), err
	}
	return answer{}, errConflict
}

// idOnly is what is left of something deleted.
type idOnly struct {
	ID proto.ID `json:"id"`
}
