# Each output says whether a data source knows what it should.

resource "cloudflare_zero_trust_access_application" "it" {
  for_each   = toset(["wiki", "wiki archive"])
  account_id = var.account
  name       = each.key
  domain     = "${replace(each.key, " ", "-")}.example.com"
  type       = "self_hosted"
  tags       = [cloudflare_zero_trust_access_tag.it.name]
  cors_headers = {
    allowed_methods = ["GET"]
    allowed_origins = ["https://app.example.com"]
    max_age         = 60
  }
  policies = [{ id = cloudflare_zero_trust_access_policy.it.id, precedence = 1 }]
}

data "cloudflare_zero_trust_access_application" "id" {
  account_id = var.account
  app_id     = cloudflare_zero_trust_access_application.it["wiki"].id
}

data "cloudflare_zero_trust_access_application" "name" {
  account_id = var.account
  filter     = { name = cloudflare_zero_trust_access_application.it["wiki"].name, exact = true }
}

data "cloudflare_zero_trust_access_application" "domain" {
  account_id = var.account
  filter     = { domain = cloudflare_zero_trust_access_application.it["wiki archive"].domain }
}

data "cloudflare_zero_trust_access_application" "aud" {
  account_id = var.account
  filter     = { aud = cloudflare_zero_trust_access_application.it["wiki"].aud }
}

data "cloudflare_zero_trust_access_applications" "all" {
  account_id = var.account
  name       = "wiki"
  depends_on = [cloudflare_zero_trust_access_application.it]
}

output "applications" {
  value = (
    data.cloudflare_zero_trust_access_application.id.name == "wiki" &&
    data.cloudflare_zero_trust_access_application.id.policies[0].name == "it" &&
    contains([for r in data.cloudflare_zero_trust_access_application.id.policies[0].include : try(r.email_domain.domain, null)], "example.com") &&
    data.cloudflare_zero_trust_access_application.id.cors_headers.max_age == 60 &&
    data.cloudflare_zero_trust_access_application.name.app_id == cloudflare_zero_trust_access_application.it["wiki"].id &&
    data.cloudflare_zero_trust_access_application.domain.app_id == cloudflare_zero_trust_access_application.it["wiki archive"].id &&
    data.cloudflare_zero_trust_access_application.aud.destinations[0].uri == "wiki.example.com" &&
    toset(data.cloudflare_zero_trust_access_applications.all.result[*].name) == toset(["wiki", "wiki archive"])
  )
}

resource "cloudflare_zero_trust_access_policy" "it" {
  account_id       = var.account
  name             = "it"
  decision         = "allow"
  session_duration = "30m"
  include          = [{ email_domain = { domain = "example.com" } }, { user_risk_score = { user_risk_score = ["low"] } }]
}

data "cloudflare_zero_trust_access_policy" "id" {
  account_id = var.account
  policy_id  = cloudflare_zero_trust_access_policy.it.id
}

data "cloudflare_zero_trust_access_policies" "all" {
  account_id = var.account
  depends_on = [cloudflare_zero_trust_access_policy.it]
}

output "policies" {
  value = (
    data.cloudflare_zero_trust_access_policy.id.session_duration == "30m" &&
    data.cloudflare_zero_trust_access_policies.all.result[*].id == tolist([cloudflare_zero_trust_access_policy.it.id]) &&
    data.cloudflare_zero_trust_access_policies.all.result[0].reusable
  )
}

resource "cloudflare_zero_trust_access_group" "it" {
  for_each   = toset(["one", "two"])
  account_id = var.account
  name       = each.key
  include    = [{ email = { email = "${each.key}@example.com" } }]
}

data "cloudflare_zero_trust_access_group" "id" {
  account_id = var.account
  group_id   = cloudflare_zero_trust_access_group.it["one"].id
}

data "cloudflare_zero_trust_access_group" "name" {
  account_id = var.account
  filter     = { name = cloudflare_zero_trust_access_group.it["two"].name }
}

data "cloudflare_zero_trust_access_groups" "all" {
  account_id = var.account
  depends_on = [cloudflare_zero_trust_access_group.it]
}

output "groups" {
  value = (
    [for r in data.cloudflare_zero_trust_access_group.id.include : r.email.email] == ["one@example.com"] &&
    data.cloudflare_zero_trust_access_group.name.id == cloudflare_zero_trust_access_group.it["two"].id &&
    length(data.cloudflare_zero_trust_access_groups.all.result) == 2
  )
}

resource "cloudflare_zero_trust_access_identity_provider" "it" {
  for_each   = { scim = true, plain = false }
  account_id = var.account
  name       = each.key
  type       = "oidc"
  config = {
    client_id     = "plumbline"
    client_secret = "a-secret-of-the-test"
    auth_url      = "https://sso.example.com/authorize"
    token_url     = "https://sso.example.com/token"
    certs_url     = "https://sso.example.com/keys"
  }
  scim_config = { enabled = each.value }
}

data "cloudflare_zero_trust_access_identity_provider" "id" {
  account_id           = var.account
  identity_provider_id = cloudflare_zero_trust_access_identity_provider.it["plain"].id
}

data "cloudflare_zero_trust_access_identity_provider" "scim" {
  account_id = var.account
  filter     = { scim_enabled = "true" }
  depends_on = [cloudflare_zero_trust_access_identity_provider.it]
}

data "cloudflare_zero_trust_access_identity_providers" "all" {
  account_id = var.account
  depends_on = [cloudflare_zero_trust_access_identity_provider.it]
}

data "cloudflare_zero_trust_access_identity_providers" "unscimmed" {
  account_id   = var.account
  scim_enabled = "false"
  depends_on   = [cloudflare_zero_trust_access_identity_provider.it]
}

output "identity_providers" {
  value = (
    data.cloudflare_zero_trust_access_identity_provider.id.config.certs_url == "https://sso.example.com/keys" &&
    data.cloudflare_zero_trust_access_identity_provider.scim.id == cloudflare_zero_trust_access_identity_provider.it["scim"].id &&
    length(data.cloudflare_zero_trust_access_identity_providers.all.result) == 2 &&
    data.cloudflare_zero_trust_access_identity_providers.unscimmed.result[*].name == tolist(["plain"])
  )
}

resource "cloudflare_zero_trust_access_service_token" "it" {
  for_each   = toset(["one", "two"])
  account_id = var.account
  name       = each.key
}

data "cloudflare_zero_trust_access_service_token" "id" {
  account_id       = var.account
  service_token_id = cloudflare_zero_trust_access_service_token.it["one"].id
}

data "cloudflare_zero_trust_access_service_token" "name" {
  account_id = var.account
  filter     = { name = cloudflare_zero_trust_access_service_token.it["two"].name }
}

data "cloudflare_zero_trust_access_service_tokens" "all" {
  account_id = var.account
  depends_on = [cloudflare_zero_trust_access_service_token.it]
}

output "service_tokens" {
  value = (
    data.cloudflare_zero_trust_access_service_token.id.client_id == cloudflare_zero_trust_access_service_token.it["one"].client_id &&
    data.cloudflare_zero_trust_access_service_token.id.duration == "8760h" &&
    data.cloudflare_zero_trust_access_service_token.name.id == cloudflare_zero_trust_access_service_token.it["two"].id &&
    length(data.cloudflare_zero_trust_access_service_tokens.all.result) == 2
  )
}

resource "cloudflare_zero_trust_access_tag" "it" {
  account_id = var.account
  name       = "internal"
}

data "cloudflare_zero_trust_access_tag" "name" {
  account_id = var.account
  tag_name   = cloudflare_zero_trust_access_tag.it.name
}

data "cloudflare_zero_trust_access_tags" "all" {
  account_id = var.account
  depends_on = [cloudflare_zero_trust_access_tag.it]
}

output "tags" {
  value = (
    data.cloudflare_zero_trust_access_tag.name.name == "internal" &&
    data.cloudflare_zero_trust_access_tags.all.result[*].name == tolist(["internal"])
  )
}

resource "cloudflare_zero_trust_device_posture_integration" "it" {
  account_id = var.account
  name       = "it"
  type       = "custom_s2s"
  interval   = "10m"
  config = {
    api_url              = var.scorer
    access_client_id     = "id.access"
    access_client_secret = "a-secret-of-the-test"
  }
}

resource "cloudflare_zero_trust_device_posture_rule" "it" {
  account_id = var.account
  name       = "it"
  type       = "custom_s2s"
  input = {
    connection_id = cloudflare_zero_trust_device_posture_integration.it.id
    operator      = ">="
    score         = 50
  }
}

data "cloudflare_zero_trust_device_posture_integration" "id" {
  account_id     = var.account
  integration_id = cloudflare_zero_trust_device_posture_integration.it.id
}

data "cloudflare_zero_trust_device_posture_integrations" "all" {
  account_id = var.account
  depends_on = [cloudflare_zero_trust_device_posture_integration.it]
}

data "cloudflare_zero_trust_device_posture_rule" "id" {
  account_id = var.account
  rule_id    = cloudflare_zero_trust_device_posture_rule.it.id
}

data "cloudflare_zero_trust_device_posture_rules" "all" {
  account_id = var.account
  depends_on = [cloudflare_zero_trust_device_posture_rule.it]
}

output "posture" {
  value = (
    data.cloudflare_zero_trust_device_posture_integration.id.config.api_url == var.scorer &&
    length(data.cloudflare_zero_trust_device_posture_integrations.all.result) == 1 &&
    data.cloudflare_zero_trust_device_posture_rule.id.input.score == 50 &&
    data.cloudflare_zero_trust_device_posture_rules.all.result[0].input.connection_id == cloudflare_zero_trust_device_posture_integration.it.id
  )
}

resource "cloudflare_zero_trust_organization" "it" {
  account_id  = var.account
  name        = "the firm"
  auth_domain = "firm.cloudflareaccess.com"
}

data "cloudflare_zero_trust_organization" "it" {
  account_id = var.account
  depends_on = [cloudflare_zero_trust_organization.it]
}

resource "cloudflare_zero_trust_access_key_configuration" "it" {
  account_id                 = var.account
  key_rotation_interval_days = 30
}

data "cloudflare_zero_trust_access_key_configuration" "it" {
  account_id = var.account
  depends_on = [cloudflare_zero_trust_access_key_configuration.it]
}

output "account" {
  value = (
    data.cloudflare_zero_trust_organization.it.name == "the firm" &&
    data.cloudflare_zero_trust_access_key_configuration.it.key_rotation_interval_days == 30
  )
}

variable "scorer" { type = string }
