package api

import (
	"encoding/json"
	"slices"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/ownedmember"
)

var decisions = []proto.Decision{proto.DecisionAllow, proto.DecisionDeny, proto.DecisionNonIdentity, proto.DecisionBypass}

var policyMembers = map[string]memberKind{
	"approval_required": boolMember, "purpose_justification_required": boolMember, "isolation_required": boolMember,
	"purpose_justification_prompt": textMember, "approval_groups": listMember, "connection_rules": objectMember,
	"mfa_config": objectMember, "session_duration": textMember,
}

// readPolicy reads a whole policy and keeps what was sent. Id, owner and times are the caller's.
func readPolicy(body object, p *proto.Policy) error {
	var err error
	if p.Name, err = body.line("name"); err != nil {
		return err
	}
	if p.Name == "" {
		return invalid("a policy needs a name")
	}
	decision, err := body.text("decision")
	p.Decision = proto.Decision(decision)
	if err != nil || !slices.Contains(decisions, p.Decision) {
		return invalid("decision must be one of allow, deny, non_identity, bypass")
	}
	for member, rules := range map[string]*[]proto.Rule{"include": &p.Include, "exclude": &p.Exclude, "require": &p.Require} {
		if *rules, err = readRules(body, member); err != nil {
			return err
		}
	}
	if len(p.Include) == 0 {
		return invalid("a policy needs at least one rule in include")
	}
	if err := checkMembers(body, policyMembers); err != nil {
		return err
	}
	if p.SessionDuration, err = sessionDuration(body); err != nil {
		return err
	}
	p.Unmet = demands(body, p.Decision)
	p.Sent = body.kept(slices.Concat(ownedmember.Common(), []string{"include", "exclude", "require", "precedence"})...)
	return nil
}

// maxSession bounds session durations.
const maxSession = 10 * 8760 * time.Hour

// sessionDuration reads a Go duration, or a bare 0, which is [proto.Immediately]; absent is 0.
func sessionDuration(body object) (time.Duration, error) {
	text, err := body.text("session_duration")
	if err == nil && text == "" {
		return 0, nil
	}
	d, parseErr := time.ParseDuration(text)
	if err != nil || parseErr != nil || d < 0 || d > maxSession {
		return 0, invalid(`session_duration must be a duration such as "24h" or "30m"`)
	}
	if d == 0 {
		return proto.Immediately, nil
	}
	return d, nil
}

// viewPolicy is a policy in an answer (api/README.md 4.2): what was sent, and what is ours. In an application
// it has a precedence.
func (s *Service) viewPolicy(a proto.Account, p *proto.Policy, precedence int) json.RawMessage {
	return policyView(p, precedence, nil, s.unsupportedPolicy(a, p))
}

func (s *Service) viewReusable(a proto.Account, p *proto.Policy, applications int) json.RawMessage {
	return policyView(p, 0, &applications, s.unsupportedPolicy(a, p))
}

func policyView(p *proto.Policy, precedence int, applications *int, unsupported []string) json.RawMessage {
	return splice(p.Sent, struct {
		ID           proto.ID                     `json:"id"`
		Precedence   int                          `json:"precedence,omitempty"`
		Include      []map[string]json.RawMessage `json:"include"`
		Exclude      []map[string]json.RawMessage `json:"exclude"`
		Require      []map[string]json.RawMessage `json:"require"`
		Reusable     bool                         `json:"reusable"`
		Applications *int                         `json:"app_count,omitempty"`
		Unsupported  []string                     `json:"x_unsupported,omitempty"`
		CreatedAt    stamp                        `json:"created_at"`
		UpdatedAt    stamp                        `json:"updated_at"`
	}{p.ID, precedence, viewRules(p.Include), viewRules(p.Exclude), viewRules(p.Require), p.Owner.IsZero(), applications,
		unsupported, stamp(p.CreatedAt), stamp(p.UpdatedAt)})
}
