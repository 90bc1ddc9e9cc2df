package apitoken

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
)

const (
	effectAllow = "allow"
	effectDeny  = "deny"

	accountResource = "com.cloudflare.api.account."
	zoneResource    = "com.cloudflare.api.account.zone."
)

// Bounds of an API token.
const (
	maxTokenName     = 120 // bytes
	maxTokenPolicies = 64
	maxTokenListed   = 256 // groups or resources in a policy, addresses in a condition
)

// applyAPIToken applies a request body to a token. A body with name and policies is a whole token, as Cloudflare's
// clients send it: a restriction left out of it is lifted, as if it were null. Any other body changes only the members
// it has.
func applyAPIToken(a proto.Account, t *proto.APIToken, body v4.Object, now proto.Millis) error {
	if body.Has("name") && body.Has("policies") {
		for _, restriction := range []string{"expires_on", "not_before", "condition"} {
			if _, said := body[restriction]; !said {
				body[restriction] = json.RawMessage("null")
			}
		}
	}
	if body.Has("name") {
		var err error
		if t.Name, err = body.Line("name"); err != nil {
			return err
		}
	}
	if t.Name == "" || len(t.Name) > maxTokenName {
		return v4.Invalid("name must be 1 to %d bytes", maxTokenName)
	}
	if err := readPolicies(a, t, body); err != nil {
		return err
	}
	if err := readLife(t, body, now); err != nil {
		return err
	}
	if err := readCondition(t, body); err != nil {
		return err
	}
	if _, said := body["x_email"]; said {
		email, err := body.Text("x_email")
		if err != nil || email != "" && !v4.IsEmail(email) {
			return v4.Invalid("x_email must be an e-mail address")
		}
		t.Email = strings.ToLower(email)
	}
	return nil
}

// readLife reads the validity period of a token and whether it is disabled.
func readLife(t *proto.APIToken, body v4.Object, now proto.Millis) error {
	was := t.ExpiresAt
	for name, to := range map[string]*proto.Millis{"expires_on": &t.ExpiresAt, "not_before": &t.NotBefore} {
		if _, said := body[name]; !said {
			continue
		}
		text, err := body.Text(name)
		if err != nil {
			return err
		}
		if *to = 0; text != "" {
			at, err := time.Parse(time.RFC3339, text)
			if err != nil || at.UnixMilli() <= 0 {
				return v4.Invalid("%s must be a time such as 2026-01-02T15:04:05Z", name)
			}
			*to = proto.At(at)
		}
	}
	switch {
	case t.ExpiresAt != 0 && t.ExpiresAt <= t.NotBefore:
		return v4.Invalid("expires_on must be after not_before")
	case t.ExpiresAt != 0 && t.ExpiresAt != was && t.ExpiresAt <= now:
		return v4.Invalid("expires_on must be in the future: to revoke a token now, delete it")
	}
	status, err := body.Text("status")
	if err != nil || !slices.Contains([]string{"", statusActive, statusDisabled, statusExpired}, status) {
		return v4.Invalid("status must be active or disabled")
	}
	if status == statusActive || status == statusDisabled {
		t.Disabled = status == statusDisabled
	}
	return nil
}

// readCondition reads the addresses that a token may be used from. An unknown condition is an error: ignoring it would
// leave the token less restricted than its creator believes.
func readCondition(t *proto.APIToken, body v4.Object) error {
	if _, said := body["condition"]; !said {
		return nil
	}
	condition, err := body.Member("condition")
	if err != nil {
		return err
	}
	t.AllowFrom, t.DenyFrom = nil, nil
	for name := range condition {
		if name != "request_ip" {
			return v4.Invalid("condition.%s is unknown: only request_ip is supported", v4.Clip(name))
		}
	}
	from, err := condition.Member("request_ip")
	if err != nil {
		return err
	}
	for name := range from {
		to := map[string]*[]string{"in": &t.AllowFrom, "not_in": &t.DenyFrom}[name]
		if to == nil {
			return v4.Invalid("condition.request_ip.%s is unknown: only in and not_in are supported", v4.Clip(name))
		}
		if *to, err = readPrefixes(from, name); err != nil {
			return err
		}
	}
	return nil
}

func readPrefixes(from v4.Object, name string) ([]string, error) {
	var all []string
	if from.Has(name) && json.Unmarshal(from[name], &all) != nil || len(all) > maxTokenListed {
		return nil, v4.Invalid("condition.request_ip.%s must be a list of at most %d CIDR ranges", name, maxTokenListed)
	}
	for n, text := range all {
		if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" && !addr.Is4In6() {
			all[n] = netip.PrefixFrom(addr, addr.BitLen()).String()
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil || p.Addr().Is4In6() {
			return nil, v4.Invalid("condition.request_ip.%s[%d] is not a CIDR range such as 10.0.0.0/8", name, n)
		}
		all[n] = p.Masked().String()
	}
	return all, nil
}

// readPolicies reads a token's policies. A token with all permissions keeps them if the client sends back the policies
// it was shown.
func readPolicies(a proto.Account, t *proto.APIToken, body v4.Object) error {
	if _, said := body["policies"]; !said && (t.All || len(t.Policies) > 0) {
		return nil
	}
	var list []v4.Object
	if !body.Has("policies") || json.Unmarshal(body["policies"], &list) != nil || len(list) == 0 ||
		len(list) > maxTokenPolicies {
		return v4.Invalid("policies must be a list of 1 to %d policies", maxTokenPolicies)
	}
	policies := make([]proto.TokenPolicy, len(list))
	for n, one := range list {
		var err error
		if policies[n], err = readTokenPolicy(a, n, one); err != nil {
			return err
		}
	}
	if t.All && len(policies) == 1 && !policies[0].Deny && len(policies[0].Zones) == 0 &&
		sameNames(policies[0].Groups, everything(a, t.ID).Groups) {
		return nil
	}
	t.All, t.Policies = false, policies
	return nil
}

func sameNames(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

func readTokenPolicy(a proto.Account, n int, one v4.Object) (proto.TokenPolicy, error) {
	p := proto.TokenPolicy{ID: proto.NewID()}
	effect, err := one.Text("effect")
	if err != nil || effect != effectAllow && effect != effectDeny {
		return p, v4.Invalid("policies[%d].effect must be allow or deny", n)
	}
	p.Deny = effect == effectDeny
	var groups []v4.Object
	if json.Unmarshal(one["permission_groups"], &groups) != nil || len(groups) == 0 || len(groups) > maxTokenListed {
		return p, v4.Invalid("policies[%d].permission_groups must be a list of 1 to %d permission groups", n, maxTokenListed)
	}
	for _, g := range groups {
		id, _ := g.Text("id")
		if _, known := permission.Find(id); !known {
			return p, v4.Invalid("policies[%d].permission_groups: unknown group %s: see /tokens/permission_groups", n,
				v4.Quote(id))
		}
		p.Groups = append(p.Groups, id)
	}
	resources, err := one.Member("resources")
	if err != nil || len(resources) == 0 || len(resources) > maxTokenListed {
		return p, v4.Invalid("policies[%d].resources must name the account or zones", n)
	}
	p.Resources = resources.Encode()
	whole, zones, err := readResources(a, resources)
	switch {
	case err != nil:
		return p, v4.Invalid("policies[%d].resources: %v", n, err)
	case whole:
		return p, nil
	case p.Deny:
		// Zone resources can also be reached through the account, so denying them in the zone alone would have no
		// effect.
		return p, v4.Invalid("policies[%d]: a deny policy must apply to the whole account", n)
	}
	p.Zones = zones
	return p, nil
}
