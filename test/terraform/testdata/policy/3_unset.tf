resource "cloudflare_zero_trust_access_policy" "it" {
  account_id = var.account
  name       = "it, changed"
  decision   = "allow"
  include    = [{ everyone = {} }]
}

resource "cloudflare_zero_trust_access_policy" "plain" {
  account_id = var.account
  name       = "plain"
  decision   = "allow"
  include    = [{ everyone = {} }]
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
