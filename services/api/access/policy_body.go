package access

import (
	"encoding/json"
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/accessrule"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/ownedmember"
)

var decisions = []proto.Decision{proto.DecisionAllow, proto.DecisionDeny, proto.DecisionNonIdentity,
	proto.DecisionBypass}

var policyMembers = map[string]v4.MemberKind{
	"approval_required": v4.BoolMember, "purpose_justification_required": v4.BoolMember,
	"isolation_required":           v4.BoolMember,
	"purpose_justification_prompt": v4.StringMember, "approval_groups": v4.ListMember, "connection_rules": v4.ObjectMember,
	"mfa_config": v4.ObjectMember, "session_duration": v4.StringMember,
}

// readPolicy reads a whole policy and keeps the body as sent. The caller sets id, owner and times.
func readPolicy(body v4.Object, p *proto.Policy) error {
	var err error
	if p.Name, err = body.Line("name"); err != nil {
		return err
	}
	if p.Name == "" {
		return v4.Invalid("a policy needs a name")
	}
	decision, err := body.Text("decision")
	p.Decision = proto.Decision(decision)
	if err != nil || !slices.Contains(decisions, p.Decision) {
		return v4.Invalid("decision must be one of allow, deny, non_identity, bypass")
	}
	for member, rules := range map[string]*[]proto.Rule{"include": &p.Include, "exclude": &p.Exclude,
		"require": &p.Require} {
		if *rules, err = accessrule.Read(body, member); err != nil {
			return err
		}
	}
	if len(p.Include) == 0 {
		return v4.Invalid("a policy needs at least one rule in include")
	}
	if err := v4.CheckMembers(body, policyMembers); err != nil {
		return err
	}
	if p.SessionDuration, err = resource.SessionDuration(body); err != nil {
		return err
	}
	p.Unmet = unmetDemands(body, p.Decision)
	p.Sent = body.EncodeSanitized(slices.Concat(ownedmember.Common(),
		[]string{"include", "exclude", "require", "precedence"})...)
	return nil
}

// ViewPolicy returns a policy as responses show it (api/README.md 4.2): the body as sent, with our members. A policy of
// an application has a precedence; otherwise precedence is 0.
func (s *API) ViewPolicy(a proto.Account, p *proto.Policy, precedence int) json.RawMessage {
	return policyView(p, precedence, nil, s.unsupportedPolicy(a, p))
}

func (s *API) viewReusable(a proto.Account, p *proto.Policy, applications int) json.RawMessage {
	return policyView(p, 0, &applications, s.unsupportedPolicy(a, p))
}

func policyView(p *proto.Policy, precedence int, applications *int, unsupported []string) json.RawMessage {
	return v4.Splice(p.Sent, struct {
		ID           proto.ID                     `json:"id"`
		Precedence   int                          `json:"precedence,omitempty"`
		Include      []map[string]json.RawMessage `json:"include"`
		Exclude      []map[string]json.RawMessage `json:"exclude"`
		Require      []map[string]json.RawMessage `json:"require"`
		Reusable     bool                         `json:"reusable"`
		Applications *int                         `json:"app_count,omitempty"`
		Unsupported  []string                     `json:"x_unsupported,omitempty"`
		CreatedAt    v4.Timestamp                 `json:"created_at"`
		UpdatedAt    v4.Timestamp                 `json:"updated_at"`
	}{p.ID, precedence, accessrule.View(p.Include), accessrule.View(p.Exclude), accessrule.View(p.Require),
		p.Owner.IsZero(), applications, unsupported, v4.Timestamp(p.CreatedAt), v4.Timestamp(p.UpdatedAt)})
}
