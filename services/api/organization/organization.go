package organization

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/breaker"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/ownedmember"
)

// organizationPart returns the organisation as a part of the API.
func (s *API) organizationPart() resource.Part {
	return resource.Part{
		Register: func() {
			store.Register(s.store, string(topology.KindOrganization),
				func(_ proto.Account, o *proto.Organization) any { return s.viewOrganization(o) })
		},
		Routes: s.organizationRoutes, Operations: organizationOperations, Schemas: organizationSchemas,
	}
}

// organizationRoutes returns the routes of the organisation. An account has one organisation; before it is first
// written, it has default values.
func (s *API) organizationRoutes() []v4.Route {
	const org = v4.AccountPath + "/access/organizations"
	return []v4.Route{
		{Method: http.MethodGet, Path: org, Scope: permission.Organization, Handle: s.getOrganization},
		{Method: http.MethodPost, Path: org, Scope: permission.Organization, Handle: s.createOrganization},
		{Method: http.MethodPut, Path: org, Scope: permission.Organization, Handle: s.replaceOrganization},
		{Method: http.MethodPatch, Path: org, Scope: permission.Organization, Handle: s.mergeOrganization},
	}
}

var organizationMembers = map[string]v4.MemberKind{
	"auth_domain": v4.StringMember, "login_design": v4.ObjectMember, "custom_pages": v4.ObjectMember,
	"is_ui_read_only":            v4.BoolMember,
	"ui_read_only_toggle_reason": v4.StringMember, "auto_redirect_to_identity": v4.BoolMember,
	"allow_authenticate_via_warp":        v4.BoolMember,
	"user_seat_expiration_inactive_time": v4.StringMember, "warp_auth_session_duration": v4.StringMember,
	"deny_unmatched_requests":                     v4.BoolMember,
	"deny_unmatched_requests_exempted_zone_names": v4.StringsMember, "mfa_config": v4.ObjectMember,
	"mfa_required_for_all_apps":    v4.BoolMember,
	"mfa_ssh_piv_key_requirements": v4.ObjectMember,
}

// Members of an organisation that only curl users know. A PUT without them, or without the settings of the breaker,
// keeps them: a write by another client would otherwise change access unnoticed.
const (
	strictMember     = "strict_service_token_auth"
	inactivityMember = "service_token_inactivity"
)

// readOrganization reads a whole organisation and keeps the body as sent. The caller sets the times.
func readOrganization(body v4.Object, o *proto.Organization) error {
	var err error
	if o.Name, err = body.Line("name"); err != nil {
		return err
	}
	if err := v4.CheckMembers(body, organizationMembers); err != nil {
		return err
	}
	if o.SessionDuration, err = resource.SessionDuration(body); err != nil {
		return err
	}
	if o.SessionDuration > topology.MaxSession {
		return v4.Invalid("session_duration must be at most %v", topology.MaxSession)
	}
	strict, given, err := body.Bool(strictMember)
	if err != nil {
		return err
	}
	o.Lenient = given && !strict
	if o.Inactivity, err = readInactivity(body); err != nil {
		return err
	}
	if o.Breaker, err = breaker.Read(body); err != nil {
		return v4.Invalid("%v", err)
	}
	if o.Breaker == nil {
		delete(body, breaker.Member)
	}
	o.Sent = body.EncodeSanitized(slices.Concat(ownedmember.Common(), []string{strictMember})...)
	return nil
}

// readInactivity reads the handling of unused service tokens (api/README.md 2.5).
func readInactivity(body v4.Object) (proto.Inactivity, error) {
	var i proto.Inactivity
	in, err := body.Member(inactivityMember)
	if err != nil || len(in) == 0 {
		return i, err
	}
	if i.Enabled, _, err = in.Bool("enabled"); err != nil {
		return i, v4.Invalid(inactivityMember + ".enabled must be true or false")
	}
	days, given, err := in.Int("inactivity_threshold_days", 30, 365)
	if err != nil || i.Enabled && !given {
		return i, v4.Invalid(inactivityMember + ".inactivity_threshold_days must be a whole number from 30 to 365")
	}
	action, err := in.Text("action")
	if err != nil || !slices.Contains([]string{"", "disable", "delete"}, action) || i.Enabled && action == "" {
		return i, v4.Invalid(inactivityMember + ".action must be disable or delete")
	}
	i.Days, i.Delete = days, action == "delete"
	return i, nil
}

// teamHost returns the host of the team domain.
func (s *API) teamHost() string {
	u, err := url.Parse(s.teamDomain)
	if err != nil {
		return ""
	}
	return u.Host
}

func (s *API) viewOrganization(o *proto.Organization) json.RawMessage {
	sent := v4.Decode(o.Sent)
	domain := ""
	if !sent.Has("auth_domain") {
		domain = s.teamHost()
		delete(sent, "auth_domain")
	}
	var unsupported []string
	for _, name := range []string{"mfa_required_for_all_apps", "allow_authenticate_via_warp"} {
		if on, _, _ := sent.Bool(name); on {
			unsupported = append(unsupported, name)
		}
	}
	if own, _ := sent.Text("auth_domain"); own != "" && !strings.EqualFold(own, s.teamHost()) {
		unsupported = append(unsupported, "auth_domain") // users log in at --team-domain
	}
	return v4.Splice(sent.Encode(), struct {
		Domain      string       `json:"auth_domain,omitempty"`
		Strict      bool         `json:"strict_service_token_auth"`
		Unsupported []string     `json:"x_unsupported,omitempty"`
		Observe     any          `json:"x_observe,omitempty"` // read-only, while the switch is stored
		CreatedAt   v4.Timestamp `json:"created_at"`
		UpdatedAt   v4.Timestamp `json:"updated_at"`
	}{domain, !o.Lenient, unsupported, viewObserve(o.Observe), v4.Timestamp(o.CreatedAt), v4.Timestamp(o.UpdatedAt)})
}

func (s *API) getOrganization(ctx context.Context, c *v4.Call) (v4.Response, error) {
	if err := s.store.Fresh(ctx); err != nil {
		return v4.Response{}, err
	}
	o := s.store.Catalog.Organization(c.Account)
	return v4.Response{Result: s.viewOrganization(o.Value), Revision: o.Revision}, c.Precondition(o.Revision)
}

func (s *API) createOrganization(ctx context.Context, c *v4.Call) (v4.Response, error) {
	a, err := s.changeOrganization(ctx, c, func(before, body v4.Object, there bool) (v4.Object, error) {
		if there {
			return nil, v4.Errorf(http.StatusConflict, v4.CodeConflict,
				"access.api.error.conflict: the organization already exists: change it with PUT or PATCH")
		}
		return body, nil
	})
	a.Status = http.StatusCreated
	return a, err
}

func (s *API) replaceOrganization(ctx context.Context, c *v4.Call) (v4.Response, error) {
	return s.changeOrganization(ctx, c, func(before, body v4.Object, _ bool) (v4.Object, error) {
		for _, name := range []string{strictMember, inactivityMember, breaker.Member} {
			if _, said := body[name]; !said && before.Has(name) {
				body[name] = before[name]
			}
		}
		return body, nil
	})
}

func (s *API) mergeOrganization(ctx context.Context, c *v4.Call) (v4.Response, error) {
	return s.changeOrganization(ctx, c, func(before, body v4.Object, _ bool) (v4.Object, error) {
		return mergePatch(before, body), nil
	})
}

// mergePatch returns an object after a JSON merge patch (RFC 7396).
func mergePatch(before, patch v4.Object) v4.Object {
	after := v4.Object{}
	maps.Copy(after, before)
	for name, v := range patch {
		is, err := patch.Member(name)
		switch {
		case v4.IsNull(v):
			delete(after, name)
		case err == nil:
			was, _ := before.Member(name) // a value other than an object is replaced
			after.Set(name, mergePatch(was, is))
		default:
			after[name] = v
		}
	}
	return after
}

// changeOrganization replaces the organisation with the result of change. The arguments of change are the current
// organisation, in the form of a request body, and the request body. It tries again after a lost race.
func (s *API) changeOrganization(ctx context.Context, c *v4.Call,
	change func(before, body v4.Object, there bool) (v4.Object, error)) (v4.Response, error) {
	for range store.MaxAttempts {
		body, err := c.Object()
		if err == nil {
			err = s.store.Fresh(ctx)
		}
		if err != nil {
			return v4.Response{}, err
		}
		old := s.store.Catalog.Organization(c.Account)
		if err := c.Precondition(old.Revision); err != nil {
			return v4.Response{}, err
		}
		before := v4.Decode(old.Value.Sent)
		before.Set(strictMember, !old.Value.Lenient)
		after, err := change(before, body, old.Value.CreatedAt != 0)
		if err != nil {
			return v4.Response{}, err
		}
		now := proto.At(s.store.Clock.Now())
		o := proto.Organization{CreatedAt: cmp.Or(old.Value.CreatedAt, now), UpdatedAt: now, Observe: old.Value.Observe}
		if err := readOrganization(after, &o); err != nil {
			return v4.Response{}, err
		}
		if err := resource.GuardBreaker(ctx, s.store, c, &o, old.Value); err != nil {
			return v4.Response{}, err
		}
		revision, err := s.store.Put(ctx, c.Account, topology.KindOrganization, topology.OrganizationID(c.Account), &o,
			store.PriorOf(old))
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return v4.Response{Result: s.viewOrganization(&o), Revision: revision}, err
	}
	return v4.Response{}, v4.ErrConflict
}

// viewObserve returns the observe switch as an organization shows it, or nil if there is none.
func viewObserve(o *proto.ObserveSwitch) any {
	if o == nil {
		return nil
	}
	return map[string]any{"until": v4.Timestamp(o.Until), "since": v4.Timestamp(o.Since), "by": o.By, "reason": o.Reason}
}
