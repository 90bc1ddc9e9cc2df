package docs

import (
	"regexp"
	"strings"
)

// clients are the clients of the table, each with the index of its word in [resource.words].
var clients = []struct {
	name string
	word int
}{{"Go v0", 0}, {"Go v6", 1}, {"Go v7", 1}, {"TypeScript", 2}, {"Python", 3}, {"Terraform", 4}, {"plumb", 5}}

// resource is a part of the API in the table.
type resource struct {
	path string
	// words are regular expressions for the resource in the sources of clients: Go v0, Go v6 and v7, TypeScript, Python,
	// Terraform, plumb. Empty: the client does not know it.
	words [6]string
}

var resources = []resource{
	{"/access/apps/{id}/policies",
		[6]string{`CreateAccessPolicy`, `AccessApplicationPolicyNewParams`, `applications\.policies`, `apps\.policies`, ``,
			`/policies"`}},
	{"/access/apps",
		[6]string{`CreateAccessApplication`, `AccessApplicationNewParams`, `access\.applications`, `access\.apps`,
			`access_application"`, `/access/apps`}},
	{"/access/policies",
		[6]string{`CreateAccessPolicy`, `AccessPolicyNewParams`, `access\.policies`, `access\.policies`, `access_policy"`,
			`/access/policies`}},
	{"/access/policy-tests",
		[6]string{``, `PolicyTestNewParams`, `policyTests`, `policy_tests`, ``, `/access/policy-tests`}},
	{"/access/groups",
		[6]string{`CreateAccessGroup`, `AccessGroupNewParams`, `access\.groups`, `access\.groups`, `access_group`,
			`/access/groups`}},
	{"/access/identity_providers",
		[6]string{`CreateAccessIdentityProvider`, `IdentityProviderNewParams`, `identityProviders`, `identity_providers`,
			`identity_provider`, `/access/identity_providers`}},
	{"/access/service_tokens",
		[6]string{`CreateAccessServiceToken`, `AccessServiceTokenNewParams`, `serviceTokens`, `service_tokens`,
			`access_service_token`, `/access/service_tokens`}},
	{"/access/tags", [6]string{`CreateAccessTag`, `AccessTagNewParams`, `access\.tags`, `access\.tags`, `access_tag`, `/access/tags`}},
	{"/access/organizations/revoke_user", [6]string{``, `OrganizationRevokeUsersParams`, ``, ``, ``, `revoke_user`}},
	{"/access/organizations",
		[6]string{`CreateAccessOrganization`, `OrganizationUpdateParams`, `organizations`, `organizations`,
			`zero_trust_organization`, `/access/organizations`}},
	{"/access/keys", [6]string{`AccessKeysConfig`, `AccessKey`, `access\.keys`, `access\.keys`, `access_key_configuration`, `/access/keys`}},
	{"/access/users", [6]string{`ListAccessUsers`, `AccessUser`, `access\.users`, `access\.users`, ``, `/access/users`}},
	{"/access/logs", [6]string{`AccessAuditLogs`, `AccessRequest`, `accessRequests`, `access_requests`, ``, `/access/logs`}},
	{"/devices/posture/integration",
		[6]string{``, `DevicePostureIntegration`, `posture\.integrations`, `posture\.integration`, `posture_integration`,
			`/devices/posture/integration`}},
	{"/devices/posture",
		[6]string{``, `DevicePostureNewParams`, `devices\.posture\.`, `devices\.posture`, `posture_(integration\|)?rule`,
			`/devices/posture"`}},
	{"/devices/physical-devices", [6]string{``, `DeviceDevice`, `devices\.devices`, ``, ``, `/devices/physical-devices`}},
	{"/devices/registrations", [6]string{``, `DeviceRegistration`, `registrations`, ``, ``, `/devices/registrations`}},
	{"/devices", [6]string{`ListTeamsDevices`, `DeviceListParams`, `devices\.(list|get)`, `devices\.get`, ``, ``}},
	{"/tokens", [6]string{``, `AccountTokenNewParams|accounts\.TokenNewParams`, `accounts\.tokens`, `accounts\.tokens`, `account_token`, `"/tokens`}},
	{"/audit_logs", [6]string{``, `audit_logs\.`, `auditLogs`, `audit_logs`, ``, `/audit_logs`}},
	{"/logs/audit", [6]string{``, `LogAudit`, `logs\.audit`, ``, ``, ``}},
}

// resourceOf returns the resource of an endpoint: the first with a path that is a prefix of it, or else that of the
// endpoint's list, which only plumb knows.
func resourceOf(endpoint string) *resource {
	for i := range resources {
		if rest, ok := strings.CutPrefix(endpoint, resources[i].path); ok && (rest == "" || rest[0] == '/') {
			return &resources[i]
		}
	}
	list, _, _ := strings.Cut(endpoint, "/{")
	return &resource{path: list, words: [6]string{5: regexp.QuoteMeta(list) + `"`}}
}
