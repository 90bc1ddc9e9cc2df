package apply

import (
	_ "embed"
	"encoding/json"
	"slices"

	"plumbline.dev/services/plumb/client"
)

// membersOfAPI is written from the description of the API: see TestDescribedMembers.
//
//go:embed members.json
var membersOfAPI []byte

// described lists the members that the API describes, by place as in specMembers: those that are required first.
var described = func() map[string][]describedMember {
	var all map[string][]describedMember
	if err := json.Unmarshal(membersOfAPI, &all); err != nil {
		panic("members.json: " + err.Error())
	}
	return all
}()

type describedMember struct {
	Name string `json:"name"`
	// Type is boolean, number or string; empty for anything else.
	Type string `json:"type,omitempty"`
}

// typeOf returns the type of a member as in describedMember.
func typeOf(place, name string) string {
	if n := slices.IndexFunc(described[place], func(m describedMember) bool { return m.Name == name }); n >= 0 {
		return described[place][n].Type
	}
	switch {
	case slices.Contains(switches, name):
		return "boolean"
	case slices.Contains(numbers, name):
		return "number"
	}
	return ""
}

// keptMembers lists further members of specs, which the API keeps without describing them, by place.
var keptMembers = map[string][]string{
	string(client.KindServiceToken):     {"x_client_id", "x_client_secret"},
	string(client.KindIdentityProvider): {"saml_certificate_set_id", "restrict_to_account_members"},
	"identity_provider.config": {"conditional_access_enabled", "directory_id", "support_groups", "centrify_account",
		"centrify_app_id", "apps_domain", "authorization_server_id", "okta_account", "onelogin_account", "ping_env_id",
		"attributes", "email_attribute_name", "enable_encryption", "header_attributes", "idp_public_certs", "issuer_url",
		"sign_request", "sso_target_url", "redirect_url", "restrict_to_account_members", "api_token"},
	"identity_provider.scim_config": {"enabled", "identity_update_behavior", "scim_base_url", "seat_deprovision",
		"secret", "user_deprovision", "group_member_deprovision"},
	"integration.config": {"auth_url", "client_id", "client_secret", "customer_id", "client_key"},
	"check.input": {"operating_system", "path", "exists", "sha256", "thumbprint", "id", "domain", "version",
		"os_distro_name", "os_distro_revision", "os_version_extra", "enabled", "checkDisks", "requireAll", "certificate_id",
		"cn", "check_private_key", "extended_key_usage", "locations", "subject_alternative_names", "update_window_days",
		"compliance_status", "last_seen", "os", "overall", "sensor_config", "state", "versionOperator", "auth_state",
		"countOperator", "issue_count", "eid_last_seen", "risk_level", "scoreOperator", "total_score", "active_threats",
		"infected", "is_active", "network_status", "operational_state"},
	"policy.approval_groups": {"approvals_needed", "email_addresses", "email_list_uuid"},
	"policy.mfa_config":      {"allowed_authenticators", "mfa_disabled", "session_duration"},
	string(client.KindApplication): {"saas_app", "target_criteria", "footer_links", "landing_page_design",
		"app_launcher_logo_url", "bg_color", "header_bg_color", "skip_app_launcher_login_page"},
	"application.destinations": {"cidr", "hostname", "l4_protocol", "port_range", "vnet_id", "mcp_server_id",
		"worker_id"},
	"application.cors_headers": {"allow_all_headers", "allow_all_methods", "allow_all_origins", "allow_credentials",
		"allowed_headers", "allowed_methods", "allowed_origins", "max_age"},
	"application.mfa_config": {"allowed_authenticators", "mfa_disabled", "session_duration"},
	"application.scim_config": {"idp_uid", "remote_uri", "authentication", "deactivate_on_delete",
		"enabled", "mappings"},
	string(client.KindOrganization): {"mfa_configuration_allowed", "warp_auth_non_browser_401"},
}
