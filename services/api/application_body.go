package api

import (
	"slices"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/egress"
	"plumbline.dev/services/internal/ownedmember"
)

const (
	typeSelfHosted         = "self_hosted"
	defaultSessionDuration = "24h"
)

// applicationTypes are those of api/README.md 3.1. Only self_hosted ones are served: of the others nothing
// has a destination here.
var applicationTypes = []string{
	typeSelfHosted, "saas", "ssh", "vnc", "app_launcher", "warp", "biso", "bookmark", "dash_sso", "infrastructure", "rdp",
	"mcp", "mcp_portal", "proxy_endpoint",
}

// hostedTypes are the other types whose applications have destinations in the three views of [destinations].
var hostedTypes = []string{"ssh", "vnc", "rdp", "mcp_portal"}

// applicationMembers are those of api/README.md 3.3 that are echoed.
var applicationMembers = map[string]memberKind{
	"app_launcher_visible": boolMember, "auto_redirect_to_identity": boolMember, "allowed_idps": textsMember,
	"allow_authenticate_via_warp": boolMember, "allow_iframe": boolMember, "enable_binding_cookie": boolMember,
	"http_only_cookie_attribute": boolMember, "path_cookie_attribute": boolMember, "same_site_cookie_attribute": textMember,
	"options_preflight_bypass": boolMember, "cors_headers": objectMember, "skip_interstitial": boolMember,
	"service_auth_401_redirect": boolMember, "read_service_tokens_from_header": textMember, "logo_url": textMember,
	"custom_deny_message": textMember, "custom_deny_url": textMember, "custom_non_identity_deny_url": textMember,
	"custom_pages": textsMember, "tags": textsMember, "scim_config": objectMember, "mfa_config": objectMember,
	"oauth_configuration": objectMember, "use_clientless_isolation_app_launcher_url": boolMember,
}

// readApplication reads a whole application, its policies excepted, and keeps what was sent. old is what
// it replaces, or nil. Id, AUD and times are the caller's.
func readApplication(body object, app *proto.Application, old *proto.Application) error {
	var err error
	if app.Name, err = body.line("name"); err != nil {
		return err
	}
	if app.Type, err = body.text("type"); err != nil {
		return err
	}
	if app.Type == "" {
		app.Type = typeSelfHosted
	}
	if !slices.Contains(applicationTypes, app.Type) {
		return invalid("app type is missing or invalid")
	}
	body.set("type", app.Type)
	if app.SessionDuration, err = sessionDuration(body); err != nil {
		return err
	}
	if err := readOrigin(body, app, old); err != nil {
		return err
	}
	if err := checkMembers(body, map[string]memberKind{"tags": textsMember}); err != nil {
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
	app.Sent = body.kept(slices.Concat(ownedmember.Common(), []string{"policies", "x_origin_url"})...)
	return nil
}

func readSelfHosted(body object, app *proto.Application, old *proto.Application) error {
	if err := checkMembers(body, applicationMembers); err != nil {
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
	if !body.has("session_duration") {
		body.set("session_duration", defaultSessionDuration)
		app.SessionDuration = 24 * time.Hour
	}
	var before *destinations
	if old != nil && old.Type == typeSelfHosted {
		d, err := parseDestinations(stored(old.Sent))
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

// keepDestinations completes the views of the destinations of an application that is not served. Views that do not
// agree are kept as they were sent.
func keepDestinations(body object, app, old *proto.Application) {
	var before *destinations
	if old != nil && old.Type == app.Type {
		if d, err := parseDestinations(stored(old.Sent)); err == nil {
			before = &d
		}
	}
	if d, err := readDestinations(body, before); err == nil {
		d.put(body)
	}
}

// readOrigin reads x_origin_url, where the gateway sends the application's requests. Clients that do not
// know it leave it out: then it stays.
func readOrigin(body object, app *proto.Application, old *proto.Application) error {
	if _, there := body["x_origin_url"]; !there {
		if old != nil {
			app.OriginURL = old.OriginURL
		}
		return nil
	}
	text, err := body.text("x_origin_url")
	if err != nil {
		return err
	}
	if text != "" {
		// As the gateway reads it: what it would not call is refused here, and not to somebody's first request.
		u, err := egress.ParseURL(text)
		if err != nil {
			return invalid("x_origin_url cannot be used: %v It should be a URL such as http://10.0.0.5:8080", err)
		}
		if u.RawQuery != "" || u.ForceQuery {
			return invalid("x_origin_url cannot have a query: each request has its own")
		}
	}
	app.OriginURL = text
	return nil
}
