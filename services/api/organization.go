package api

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
	"plumbline.dev/services/internal/ownedmember"
)

// An account has one organisation. One that nobody wrote is there all the same, with what holds by default.
func (s *Service) organizationRoutes() []route {
	const org = accountPath + "/access/organizations"
	return []route{
		{method: http.MethodGet, path: org, of: areaOrganization, handle: s.getOrganization},
		{method: http.MethodPost, path: org, of: areaOrganization, handle: s.createOrganization},
		{method: http.MethodPut, path: org, of: areaOrganization, handle: s.replaceOrganization},
		{method: http.MethodPatch, path: org, of: areaOrganization, handle: s.mergeOrganization},
	}
}

var organizationMembers = map[string]memberKind{
	"auth_domain": textMember, "login_design": objectMember, "custom_pages": objectMember, "is_ui_read_only": boolMember,
	"ui_read_only_toggle_reason": textMember, "auto_redirect_to_identity": boolMember, "allow_authenticate_via_warp": boolMember,
	"user_seat_expiration_inactive_time": textMember, "warp_auth_session_duration": textMember, "deny_unmatched_requests": boolMember,
	"deny_unmatched_requests_exempted_zone_names": textsMember, "mfa_config": objectMember, "mfa_required_for_all_apps": boolMember,
	"mfa_ssh_piv_key_requirements": objectMember,
}

// The members of an organisation that no client but curl knows. A PUT that leaves them out keeps them:
// another client's would otherwise change who is let in, unseen.
const (
	strictMember     = "strict_service_token_auth"
	inactivityMember = "service_token_inactivity"
)

// readOrganization reads a whole organisation and keeps what was sent. Times are the caller's.
func readOrganization(body object, o *proto.Organization) error {
	var err error
	if o.Name, err = body.line("name"); err != nil {
		return err
	}
	if err := checkMembers(body, organizationMembers); err != nil {
		return err
	}
	if o.SessionDuration, err = sessionDuration(body); err != nil {
		return err
	}
	if o.SessionDuration > topology.MaxSession {
		return invalid("session_duration must be at most %v", topology.MaxSession)
	}
	strict, given, err := body.boolean(strictMember)
	if err != nil {
		return err
	}
	o.Lenient = given && !strict
	if o.Inactivity, err = readInactivity(body); err != nil {
		return err
	}
	o.Sent = body.kept(slices.Concat(ownedmember.Common(), []string{strictMember})...)
	return nil
}

// readInactivity reads what becomes of service tokens that nobody uses (api/README.md 2.5).
func readInactivity(body object) (proto.Inactivity, error) {
	var i proto.Inactivity
	in, err := body.inner(inactivityMember)
	if err != nil || len(in) == 0 {
		return i, err
	}
	if i.Enabled, _, err = in.boolean("enabled"); err != nil {
		return i, invalid(inactivityMember + ".enabled must be true or false")
	}
	days, given, err := in.integer("inactivity_threshold_days", 30, 365)
	if err != nil || i.Enabled && !given {
		return i, invalid(inactivityMember + ".inactivity_threshold_days must be a whole number from 30 to 365")
	}
	action, err := in.text("action")
	if err != nil || !slices.Contains([]string{"", "disable", "delete"}, action) || i.Enabled && action == "" {
		return i, invalid(inactivityMember + ".action must be disable or delete")
	}
	i.Days, i.Delete = days, action == "delete"
	return i, nil
}

// teamHost is the host of the team domain, where people log in.
func (s *Service) teamHost() string {
	u, err := url.Parse(s.cfg.TeamDomain)
	if err != nil {
		return ""
	}
	return u.Host
}

func (s *Service) viewOrganization(o *proto.Organization) json.RawMessage {
	sent := stored(o.Sent)
	domain := ""
	if !sent.has("auth_domain") {
		domain = s.teamHost()
		delete(sent, "auth_domain")
	}
	var unsupported []string
	for _, name := range []string{"mfa_required_for_all_apps", "allow_authenticate_via_warp"} {
		if on, _, _ := sent.boolean(name); on {
			unsupported = append(unsupported, name)
		}
	}
	if own, _ := sent.text("auth_domain"); own != "" && !strings.EqualFold(own, s.teamHost()) {
		unsupported = append(unsupported, "auth_domain") // people log in at --team-domain
	}
	return splice(sent.sent(), struct {
		Domain      string   `json:"auth_domain,omitempty"`
		Strict      bool     `json:"strict_service_token_auth"`
		Unsupported []string `json:"x_unsupported,omitempty"`
		CreatedAt   stamp    `json:"created_at"`
		UpdatedAt   stamp    `json:"updated_at"`
	}{domain, !o.Lenient, unsupported, stamp(o.CreatedAt), stamp(o.UpdatedAt)})
}

func (s *Service) getOrganization(ctx context.Context, c *call) (answer, error) {
	if err := s.fresh(ctx); err != nil {
		return answer{}, err
	}
	o := s.catalog.Organization(c.account)
	return answer{result: s.viewOrganization(o.Value), revision: o.Revision}, c.precondition(o.Revision)
}

func (s *Service) createOrganization(ctx context.Context, c *call) (answer, error) {
	a, err := s.changeOrganization(ctx, c, func(before, body object, there bool) (object, error) {
		if there {
			return nil, refuse(http.StatusConflict, codeConflict, "access.api.error.conflict: the organization exists already: change it with PUT or PATCH")
		}
		return body, nil
	})
	a.status = http.StatusCreated
	return a, err
}

func (s *Service) replaceOrganization(ctx context.Context, c *call) (answer, error) {
	return s.changeOrganization(ctx, c, func(before, body object, _ bool) (object, error) {
		for _, name := range []string{strictMember, inactivityMember} {
			if _, said := body[name]; !said && before.has(name) {
				body[name] = before[name]
			}
		}
		return body, nil
	})
}

func (s *Service) mergeOrganization(ctx context.Context, c *call) (answer, error) {
	return s.changeOrganization(ctx, c, func(before, body object, _ bool) (object, error) {
		return mergePatch(before, body), nil
	})
}

// mergePatch is what a JSON merge patch (RFC 7396) makes of an object.
func mergePatch(before, patch object) object {
	after := object{}
	maps.Copy(after, before)
	for name, v := range patch {
		is, err := patch.inner(name)
		switch {
		case isNull(v):
			delete(after, name)
		case err == nil:
			was, _ := before.inner(name) // what is no object is replaced
			after.set(name, mergePatch(was, is))
		default:
			after[name] = v
		}
	}
	return after
}

// changeOrganization makes of the organisation as it would be sent, and of what was sent, another; again if
// somebody else was first.
func (s *Service) changeOrganization(ctx context.Context, c *call, change func(before, body object, there bool) (object, error)) (answer, error) {
	for range attempts {
		body, err := c.object()
		if err == nil {
			err = s.fresh(ctx)
		}
		if err != nil {
			return answer{}, err
		}
		old := s.catalog.Organization(c.account)
		if err := c.precondition(old.Revision); err != nil {
			return answer{}, err
		}
		before := stored(old.Value.Sent)
		before.set(strictMember, !old.Value.Lenient)
		after, err := change(before, body, old.Revision != 0)
		if err != nil {
			return answer{}, err
		}
		now := proto.At(s.clock.Now())
		o := proto.Organization{CreatedAt: cmp.Or(old.Value.CreatedAt, now), UpdatedAt: now}
		if err := readOrganization(after, &o); err != nil {
			return answer{}, err
		}
		revision, err := s.put(ctx, c.account, topology.KindOrganization, topology.OrganizationID(c.account), &o, old.Revision)
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return answer{result: s.viewOrganization(&o), revision: revision}, err
	}
	return answer{}, errConflict
}
