package access

import (
	"bytes"
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/policy"
)

// Features that are stored but not supported are listed in x_unsupported of a resource: selectors, members, types. The
// list is computed at each read, not stored, because it depends on the version.

// unsupportedPolicy returns the selectors in a policy's rules that cannot be evaluated, and its other unmet demands,
// each once.
func (s *API) unsupportedPolicy(a proto.Account, p *proto.Policy) []string {
	return v4.Union(unsupportedPolicy(p), s.index.DanglingSelectors(a, p.Include, p.Exclude, p.Require))
}

func unsupportedPolicy(p *proto.Policy) []string {
	var names []string
	for _, problem := range policy.Problems(p) {
		names = v4.Union(names, []string{problem.Selector})
	}
	return names
}

// unmetDemands returns the members of a policy that require more than its rules do (api/README.md 4.2). No one is
// admitted by an Allow policy with such a member; for other decisions they have no effect.
func unmetDemands(body v4.Object, decision proto.Decision) []string {
	if decision != proto.DecisionAllow {
		return nil
	}
	var names []string
	for _, name := range []string{"approval_required", "isolation_required", "purpose_justification_required"} {
		if asked, _, _ := body.Bool(name); asked {
			names = append(names, name)
		}
	}
	if secondFactor(body) {
		names = append(names, "mfa_config")
	}
	return names
}

// secondFactor reports whether mfa_config requires a second factor.
func secondFactor(body v4.Object) bool {
	mfa, _ := body.Member("mfa_config")
	disabled, _, _ := mfa.Bool("mfa_disabled")
	return len(mfa) > 0 && !disabled
}

// unsupportedMarkers are byte sequences; an application without any of them is fully supported. They save parsing each
// application of a list of thousands.
var unsupportedMarkers = [][]byte{
	[]byte(`"mfa_config"`), []byte(`"oauth_configuration"`), []byte(`"scim_config"`), []byte(`"custom_pages"`),
	[]byte(`"allow_authenticate_via_warp"`),
	[]byte(`"type":"private"`), []byte(`"type":"via_mcp_server_portal"`), []byte(`"type":"worker"`),
	[]byte(`"type":"preview_worker"`),
}

// unsupportedApplication returns the unsupported features of an application, without those of its policies.
func (s *API) unsupportedApplication(a proto.Account, app *proto.Application) []string {
	names := unsupportedApplication(app)
	if app.Type == typeSelfHosted && s.index.AbsentProvider(a, app) {
		names = v4.Union(names, []string{"allowed_idps"})
	}
	return names
}

func unsupportedApplication(app *proto.Application) []string {
	if app.Type != typeSelfHosted {
		return []string{app.Type}
	}
	if !slices.ContainsFunc(unsupportedMarkers, func(member []byte) bool { return bytes.Contains(app.Sent, member) }) {
		return nil
	}
	sent := v4.Decode(app.Sent)
	var names []string
	if secondFactor(sent) {
		names = append(names, "mfa_config")
	}
	for _, name := range []string{"oauth_configuration", "scim_config"} {
		in, _ := sent.Member(name)
		if on, given, _ := in.Bool("enabled"); len(in) > 0 && (on || !given) {
			names = append(names, name)
		}
	}
	if pages := v4.Strings(sent["custom_pages"]); len(pages) > 0 {
		names = append(names, "custom_pages")
	}
	if warp, _, _ := sent.Bool("allow_authenticate_via_warp"); warp {
		names = append(names, "allow_authenticate_via_warp")
	}
	d, _ := parseDestinations(sent)
	for _, one := range d.list {
		if kind, _ := one.Text("type"); kind != "public" && !slices.Contains(names, kind) {
			names = append(names, kind)
		}
	}
	return names
}
