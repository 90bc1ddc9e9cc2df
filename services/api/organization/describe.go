package organization

import (
	"net/http"

	"plumbline.dev/services/api/breaker"
	"plumbline.dev/services/api/openapi"
)

func organizationOperations() openapi.Operations {
	org := openapi.Operation{Body: openapi.Ref("OrganizationBody"), Result: openapi.Ref("Organization")}
	with := func(summary string, status int) openapi.Operation {
		o := org
		o.Summary, o.Status = summary, status
		return o
	}
	return openapi.Operations{
		"GET /access/organizations":  {Summary: "Get the organisation", Result: openapi.Ref("Organization")},
		"POST /access/organizations": with("Create the organisation", http.StatusCreated),
		"PUT /access/organizations": with("Replace the organisation; strict_service_token_auth and "+
			"service_token_inactivity do not change if they are absent", 0),
		"PATCH /access/organizations": with("Change the organisation with a JSON merge patch", 0),
	}
}

// keptMembers are stored and returned, and have no other effect, unless x_unsupported lists them.
var keptMembers = []string{"allow_authenticate_via_warp", "auto_redirect_to_identity", "custom_pages",
	"deny_unmatched_requests", "deny_unmatched_requests_exempted_zone_names", "is_ui_read_only", "login_design",
	"mfa_config", "mfa_required_for_all_apps", "mfa_ssh_piv_key_requirements", "ui_read_only_toggle_reason",
	"user_seat_expiration_inactive_time", "warp_auth_session_duration"}

func organizationSchemas() openapi.Members {
	org := openapi.Echoed(organizationMembers).Kept(keptMembers...).With(openapi.Members{
		"name": openapi.Text().OrNull(), "session_duration": openapi.Duration().OrNull(), strictMember: openapi.Bool(),
		inactivityMember: openapi.Object(openapi.Members{"enabled": openapi.Bool(),
			"inactivity_threshold_days": openapi.Between(30, 365), "action": openapi.Enum("disable", "delete")}).OrNull(),
		breaker.Member: breaker.Schema(),
	})
	return openapi.Members{
		"OrganizationBody": openapi.Object(org.With(openapi.Members{strictMember: openapi.Bool().OrNull()})),
		"Organization": openapi.Object(org.With(openapi.Members{"x_unsupported": openapi.Unsupported,
			"created_at": openapi.Time().OrNull(), "updated_at": openapi.Time().OrNull()}),
			strictMember, "created_at", "updated_at"),
	}
}
