resource "cloudflare_zero_trust_access_group" "it" {
  account_id = var.account
  name       = "it"
  is_default = true
  include = [
    { group = { id = cloudflare_zero_trust_access_group.core.id } },
    { any_valid_service_token = {} },
    { service_token = { token_id = cloudflare_zero_trust_access_service_token.robot.id } },
    { auth_context = { id = "context", ac_id = "c1", identity_provider_id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { auth_method = { auth_method = "hwk" } },
    { azure_ad = { id = "directory-group", identity_provider_id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { certificate = {} },
    { common_name = { common_name = "robot.example.com" } },
    { geo = { country_code = "NL" } },
    { device_posture = { integration_uid = "cccccccc-cccc-4ccc-8ccc-cccccccccccc" } },
    { email_domain = { domain = "example.com" } },
    { email_list = { id = "dddddddd-dddd-4ddd-8ddd-dddddddddddd" } },
    { email = { email = "ann@example.com" } },
    { everyone = {} },
    { external_evaluation = { evaluate_url = "https://judge.example.com", keys_url = "https://judge.example.com/keys" } },
    { github_organization = { name = "guild", team = "admins", identity_provider_id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { gsuite = { email = "group@example.com", identity_provider_id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { login_method = { id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { ip_list = { id = "eeeeeeee-eeee-4eee-8eee-eeeeeeeeeeee" } },
    { ip = { ip = "192.0.2.0/24" } },
    { ip = { ip = "2001:db8::1" } },
    { okta = { name = "okta-group", identity_provider_id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { saml = { attribute_name = "role", attribute_value = "admin", identity_provider_id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { oidc = { claim_name = "groups", claim_value = "staff", identity_provider_id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { linked_app_token = { app_uid = "ffffffff-ffff-4fff-8fff-ffffffffffff" } },
    { user_risk_score = { user_risk_score = ["low", "medium"] } },
  ]
  exclude = [
    { group = { id = cloudflare_zero_trust_access_group.core.id } },
    { any_valid_service_token = {} },
    { service_token = { token_id = cloudflare_zero_trust_access_service_token.robot.id } },
    { auth_context = { id = "context", ac_id = "c1", identity_provider_id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { auth_method = { auth_method = "hwk" } },
    { azure_ad = { id = "directory-group", identity_provider_id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { certificate = {} },
    { common_name = { common_name = "robot.example.com" } },
    { geo = { country_code = "NL" } },
    { device_posture = { integration_uid = "cccccccc-cccc-4ccc-8ccc-cccccccccccc" } },
    { email_domain = { domain = "example.com" } },
    { email_list = { id = "dddddddd-dddd-4ddd-8ddd-dddddddddddd" } },
    { email = { email = "ann@example.com" } },
    { everyone = {} },
    { external_evaluation = { evaluate_url = "https://judge.example.com", keys_url = "https://judge.example.com/keys" } },
    { github_organization = { name = "guild", team = "admins", identity_provider_id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { gsuite = { email = "group@example.com", identity_provider_id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { login_method = { id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { ip_list = { id = "eeeeeeee-eeee-4eee-8eee-eeeeeeeeeeee" } },
    { ip = { ip = "192.0.2.0/24" } },
    { ip = { ip = "2001:db8::1" } },
    { okta = { name = "okta-group", identity_provider_id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { saml = { attribute_name = "role", attribute_value = "admin", identity_provider_id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { oidc = { claim_name = "groups", claim_value = "staff", identity_provider_id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { linked_app_token = { app_uid = "ffffffff-ffff-4fff-8fff-ffffffffffff" } },
    { user_risk_score = { user_risk_score = ["low", "medium"] } },
  ]
  require = [
    { group = { id = cloudflare_zero_trust_access_group.core.id } },
    { any_valid_service_token = {} },
    { service_token = { token_id = cloudflare_zero_trust_access_service_token.robot.id } },
    { auth_context = { id = "context", ac_id = "c1", identity_provider_id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { auth_method = { auth_method = "hwk" } },
    { azure_ad = { id = "directory-group", identity_provider_id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { certificate = {} },
    { common_name = { common_name = "robot.example.com" } },
    { geo = { country_code = "NL" } },
    { device_posture = { integration_uid = "cccccccc-cccc-4ccc-8ccc-cccccccccccc" } },
    { email_domain = { domain = "example.com" } },
    { email_list = { id = "dddddddd-dddd-4ddd-8ddd-dddddddddddd" } },
    { email = { email = "ann@example.com" } },
    { everyone = {} },
    { external_evaluation = { evaluate_url = "https://judge.example.com", keys_url = "https://judge.example.com/keys" } },
    { github_organization = { name = "guild", team = "admins", identity_provider_id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { gsuite = { email = "group@example.com", identity_provider_id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { login_method = { id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { ip_list = { id = "eeeeeeee-eeee-4eee-8eee-eeeeeeeeeeee" } },
    { ip = { ip = "192.0.2.0/24" } },
    { ip = { ip = "2001:db8::1" } },
    { okta = { name = "okta-group", identity_provider_id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { saml = { attribute_name = "role", attribute_value = "admin", identity_provider_id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { oidc = { claim_name = "groups", claim_value = "staff", identity_provider_id = cloudflare_zero_trust_access_identity_provider.sso.id } },
    { linked_app_token = { app_uid = "ffffffff-ffff-4fff-8fff-ffffffffffff" } },
    { user_risk_score = { user_risk_score = ["low", "medium"] } },
  ]
}

resource "cloudflare_zero_trust_access_group" "zoned" {
  zone_id = var.zone
  name    = "zoned"
  include = [{ email = { email = "ann@example.com" } }]
}

resource "cloudflare_zero_trust_access_group" "core" {
  account_id = var.account
  name       = "core"
  include    = [{ email = { email = "core@example.com" } }]
}

resource "cloudflare_zero_trust_access_service_token" "robot" {
  account_id = var.account
  name       = "robot"
}

resource "cloudflare_zero_trust_access_identity_provider" "sso" {
  account_id = var.account
  name       = "sso"
  type       = "oidc"
  config = {
    client_id = "plumbline"
    auth_url  = "https://sso.example.com/authorize"
    token_url = "https://sso.example.com/token"
    certs_url = "https://sso.example.com/keys"
  }
}
