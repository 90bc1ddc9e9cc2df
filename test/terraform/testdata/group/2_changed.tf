resource "cloudflare_zero_trust_access_group" "it" {
  account_id = var.account
  name       = "it"
  is_default = false
  include    = [{ email = { email = "eve@example.com" } }, { ip = { ip = "192.0.2.1" } }]
  require    = [{ geo = { country_code = "NL" } }]
  exclude    = []
}

resource "cloudflare_zero_trust_access_group" "zoned" {
  zone_id = var.zone
  name    = "zoned"
  include = [{ email = { email = "bob@example.com" } }]
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
