resource "cloudflare_zero_trust_access_policy" "it" {
  account_id                     = var.account
  name                           = "it, changed"
  decision                       = "deny"
  session_duration               = ""
  approval_required              = false
  purpose_justification_required = true
  purpose_justification_prompt   = "Why not?"
  approval_groups                = [{ approvals_needed = 1, email_addresses = ["d@example.com"] }]
  mfa_config                     = { mfa_disabled = true }
  include                        = [{ email = { email = "bob@example.com" } }, { group = { id = cloudflare_zero_trust_access_group.core.id } }]
  exclude                        = []
  require                        = [{ geo = { country_code = "BE" } }]
}

resource "cloudflare_zero_trust_access_policy" "plain" {
  account_id = var.account
  name       = "plain"
  decision   = "bypass"
  include    = [{ ip = { ip = "192.0.2.7/32" } }]
  exclude    = [{ ip = { ip = "192.0.2.8/32" } }]
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
