resource "cloudflare_zero_trust_access_application" "it" {
  account_id   = var.account
  name         = "it"
  type         = "self_hosted"
  destinations = [{ uri = "it.example.com" }]
  allowed_idps = [cloudflare_zero_trust_access_identity_provider.it.id]
  policies     = [{ id = cloudflare_zero_trust_access_policy.it.id, precedence = 1 }]
}

resource "cloudflare_zero_trust_access_policy" "it" {
  account_id = var.account
  name       = "it"
  decision   = "non_identity"
  include = [
    { service_token = { token_id = cloudflare_zero_trust_access_service_token.it.id } },
    { group = { id = cloudflare_zero_trust_access_group.it.id } },
  ]
  require = [{ device_posture = { integration_uid = cloudflare_zero_trust_device_posture_rule.it.id } }]
}

resource "cloudflare_zero_trust_access_group" "it" {
  account_id = var.account
  name       = "it"
  include    = [{ ip = { ip = "192.0.2.0/24" } }]
}

resource "cloudflare_zero_trust_access_identity_provider" "it" {
  account_id = var.account
  name       = "it"
  type       = "oidc"
  config = {
    client_id     = "plumbline"
    client_secret = "a-secret-of-the-test"
    auth_url      = "https://sso.example.com/authorize"
    token_url     = "https://sso.example.com/token"
    certs_url     = "https://sso.example.com/keys"
  }
}

resource "cloudflare_zero_trust_access_service_token" "it" {
  account_id = var.account
  name       = "it"
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

variable "scorer" { type = string }
