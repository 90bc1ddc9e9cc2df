package api

import (
	"slices"
	"time"

	"plumbline.dev/proto"
)

var decisions = []proto.Decision{proto.DecisionAllow, proto.DecisionDeny, proto.DecisionNonIdentity, proto.DecisionBypass}

var policyMembers = map[string]memberKind{
	"approval_required": boolMember, "purpose_justification_required": boolMember, "isolation_required": boolMember,
	"purpose_justification_prompt": textMember, "approval_groups": listMember, "connection_rules": objectMember,
	"mfa_config": objectMember, "session_duration": textMember,
}

// ownMembers are those that we say and a client does not: they are not kept of what it sends back.
var ownMembers = []string{"id", "uid", "aud", "created_at", "updated_at", "reusable", "app_count"}

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
	p.Sent = body.sent(slices.Concat(ownMembers, []string{"include", "exclude", "require", "precedence"})...)
	return nil
}

// maxSession bounds session durations.
const maxSession = 10 * 8760 * time.Hour

// sessionDuration reads a Go duration, or a bare 0; absent is 0.
func sessionDuration(body object) (time.Duration, error) {
	text, err := body.text("session_duration")
	if err == nil && text == "" {
		return 0, nil
	}
	d, parseErr := time.ParseDuration(text)
	if err != nil || parseErr != nil || d < 0 || d > maxSession {
		return 0, invalid(`session_duration must be a duration such as "24h" or "30m"`)
	}
	return d, nil
}

// viewPolicy is a policy in an answer (contract.md 4.2); in an application it has a precedence.
func viewPolicy(p *proto.Policy, precedence int) object {
	o := stored(p.Sent)
	o.set("id", p.ID)
	o.set("include", viewRules(p.Include))
	o.set("exclude", viewRules(p.Exclude))
	o.set("require", viewRules(p.Require))
	o.set("reusable", p.Owner.IsZero())
	o.set("created_at", stamp(p.CreatedAt))
	o.set("updated_at", stamp(p.UpdatedAt))
	if precedence > 0 {
		o.set("precedence", precedence)
	}
	return o
}
