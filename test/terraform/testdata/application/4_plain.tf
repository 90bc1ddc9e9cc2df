resource "cloudflare_zero_trust_access_application" "it" {
  account_id = var.account
  name       = "wiki"
  domain     = "wiki.example.com"
  type       = "self_hosted"
}

# Nothing but destinations: the domain comes from them.
resource "cloudflare_zero_trust_access_application" "destined" {
  account_id                      = var.account
  name                            = "ledger"
  type                            = "self_hosted"
  service_auth_401_redirect       = true
  read_service_tokens_from_header = "X-Ledger-Credentials"
  destinations                    = [{ type = "public", uri = "ledger.example.com" }]
  policies                        = [{ id = cloudflare_zero_trust_access_policy.services.id, precedence = 1 }]
}

resource "cloudflare_zero_trust_access_policy" "services" {
  account_id = var.account
  name       = "services"
  decision   = "non_identity"
  include    = [{ any_valid_service_token = {} }]
}

resource "cloudflare_zero_trust_access_policy" "staff" {
  account_id = var.account
  name       = "staff"
  decision   = "allow"
  include    = [{ email_domain = { domain = "example.com" } }]
}

resource "cloudflare_zero_trust_access_tag" "tags" {
  for_each   = toset(["internal", "audited"])
  account_id = var.account
  name       = each.key
}

resource "cloudflare_zero_trust_access_identity_provider" "sso" {
  account_id = var.account
  name       = "sso"
  type       = "oidc"
  config = {
    client_id     = "plumbline"
    client_secret = "a-secret-of-the-test"
    auth_url      = "https://sso.example.com/authorize"
    token_url     = "https://sso.example.com/token"
    certs_url     = "https://sso.example.com/keys"
    scopes        = ["openid", "email"]
    claims        = ["groups"]
    pkce_enabled  = true
  }
}

resource "cloudflare_zero_trust_access_application" "zoned" {
  zone_id = var.zone
  name    = "zoned"
  domain  = "zoned.example.com"
  type    = "self_hosted"
}
