package access

import (
	"slices"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/egress"
	"plumbline.dev/services/internal/ownedmember"
)

const (
	// typeSelfHosted is the type of the applications that the gateway serves.
	typeSelfHosted         = "self_hosted"
	defaultSessionDuration = "24h"
)

// applicationTypes are the types of api/README.md 3.1. Only self_hosted applications are served; the other types have
// no destination behind the gateway.
var applicationTypes = []string{
	typeSelfHosted, "saas", "ssh", "vnc", "app_launcher", "warp", "biso", "bookmark", "dash_sso", "infrastructure", "rdp",
	"mcp", "mcp_portal", "proxy_endpoint",
}

// hostedTypes are the other types of applications with the three views of [destinations].
var hostedTypes = []string{"ssh", "vnc", "rdp", "mcp_portal"}

// applicationMembers are the members of api/README.md 3.3 that are stored and returned.
var applicationMembers = map[string]v4.MemberKind{
	"app_launcher_visible": v4.BoolMember, "auto_redirect_to_identity": v4.BoolMember, "allowed_idps": v4.StringsMember,
	"allow_authenticate_via_warp": v4.BoolMember, "allow_iframe": v4.BoolMember, "enable_binding_cookie": v4.BoolMember,
	"http_only_cookie_attribute": v4.BoolMember, "path_cookie_attribute": v4.BoolMember,
	"same_site_cookie_attribute": v4.StringMember,
	"options_preflight_bypass":   v4.BoolMember, "cors_headers": v4.ObjectMember, "skip_interstitial": v4.BoolMember,
	"service_auth_401_redirect": v4.BoolMember, "read_service_tokens_from_header": v4.StringMember,
	"logo_url":            v4.StringMember,
	"custom_deny_message": v4.StringMember, "custom_deny_url": v4.StringMember,
	"custom_non_identity_deny_url": v4.StringMember,
	"custom_pages":                 v4.StringsMember, "tags": v4.StringsMember, "scim_config": v4.ObjectMember,
	"mfa_config":          v4.ObjectMember,
	"oauth_configuration": v4.ObjectMember, "use_clientless_isolation_app_launcher_url": v4.BoolMember,
}

// readApplication reads a whole application except its policies, and keeps the body as sent. old is the application
// that it replaces, or nil. The caller sets id, AUD and times.
func readApplication(body v4.Object, app *proto.Application, old *proto.Application) error {
	var err error
	if app.Name, err = body.Line("name"); err != nil {
		return err
	}
	if app.Type, err = body.Text("type"); err != nil {
		return err
	}
	if app.Type == "" {
		app.Type = typeSelfHosted
	}
	if !slices.Contains(applicationTypes, app.Type) {
		return v4.Invalid("app type is missing or invalid")
	}
	body.Set("type", app.Type)
	if app.SessionDuration, err = resource.SessionDuration(body); err != nil {
		return err
	}
	if err := readOrigin(body, app, old); err != nil {
		return err
	}
	if err := v4.CheckMembers(body, map[string]v4.MemberKind{"tags": v4.StringsMember}); err != nil {
		return err
	}
	if err := checkSCIM(body, old); err != nil {
		return err
	}
	switch {
	case app.Type == typeSelfHosted:
		if err := readSelfHosted(body, app, old); err != nil {
			return err
		}
	case slices.Contains(hostedTypes, app.Type):
		keepDestinations(body, app, old)
	}
	app.Sent = body.EncodeSanitized(slices.Concat(ownedmember.Common(), []string{"policies", "x_origin_url"})...)
	return nil
}

func readSelfHosted(body v4.Object, app *proto.Application, old *proto.Application) error {
	if err := v4.CheckMembers(body, applicationMembers); err != nil {
		return err
	}
	gate, err := readGate(body)
	if err != nil {
		return err
	}
	if old != nil {
		gate.RevokedAt = old.Gate.RevokedAt
	}
	app.Gate = gate
	if !body.Has("session_duration") {
		body.Set("session_duration", defaultSessionDuration)
		app.SessionDuration = 24 * time.Hour
	}
	var before *destinations
	if old != nil && old.Type == typeSelfHosted {
		d, err := parseDestinations(v4.Decode(old.Sent))
		if err != nil {
			return err
		}
		before = &d
	}
	d, err := readDestinations(body, before)
	if err != nil {
		return err
	}
	d.put(body)
	app.Domains = d.hosts
	return nil
}

// keepDestinations completes the destination views of an application that is not served. Contradicting views are kept
// as sent.
func keepDestinations(body v4.Object, app, old *proto.Application) {
	var before *destinations
	if old != nil && old.Type == app.Type {
		if d, err := parseDestinations(v4.Decode(old.Sent)); err == nil {
			before = &d
		}
	}
	if d, err := readDestinations(body, before); err == nil {
		d.put(body)
	}
}

// readOrigin reads x_origin_url, the URL to which the gateway sends the application's requests. If it is absent, it
// stays: other clients do not know it.
func readOrigin(body v4.Object, app *proto.Application, old *proto.Application) error {
	if _, there := body["x_origin_url"]; !there {
		if old != nil {
			app.OriginURL = old.OriginURL
		}
		return nil
	}
	text, err := body.Text("x_origin_url")
	if err != nil {
		return err
	}
	if text != "" {
		// Parsed as the gateway does: a URL that the gateway would not call fails here, not at a user's first request.
		u, err := egress.ParseURL(text)
		if err != nil {
			return v4.Invalid("x_origin_url cannot be used: %v It should be a URL such as http://10.0.0.5:8080", err)
		}
		if u.RawQuery != "" || u.ForceQuery {
			return v4.Invalid("x_origin_url cannot have a query: each request has its own")
		}
	}
	app.OriginURL = text
	return nil
}
