resource "cloudflare_zero_trust_access_application" "it" {
  account_id                   = var.account
  name                         = "the wiki"
  type                         = "self_hosted"
  session_duration             = "6h"
  allowed_idps                 = []
  same_site_cookie_attribute   = "lax"
  logo_url                     = "https://wiki.example.com/new.svg"
  custom_deny_message          = "Ask somebody else."
  custom_deny_url              = "https://help.example.com/no"
  custom_non_identity_deny_url = "https://help.example.com/service-no"
  tags                         = ["audited"]
  destinations = [
    { type = "public", uri = "pages.example.com/wiki/*" },
    { type = "private", cidr = "10.6.0.0/24" },
  ]
  cors_headers = {
    allowed_methods = ["GET"]
    allowed_origins = ["https://app.example.com", "https://other.example.com"]
    max_age         = -1
  }
  policies = [
    { id = cloudflare_zero_trust_access_policy.staff.id, precedence = 1 },
    { id = cloudflare_zero_trust_access_policy.services.id, precedence = 2 },
  ]
  mfa_config = { mfa_disabled = true }
  oauth_configuration = {
    enabled = true
    grant   = { access_token_lifetime = "30m" }
  }
  scim_config = {
    enabled        = false
    remote_uri     = "https://scim.example.com/v2"
    idp_uid        = cloudflare_zero_trust_access_identity_provider.sso.id
    authentication = { scheme = "oauthbearertoken", token = "another-secret-of-the-test" }
  }
}

resource "cloudflare_zero_trust_access_application" "destined" {
  account_id = var.account
  name       = "ledger"
  type       = "self_hosted"
  domain     = "accounts.example.com"
  policies = [
    {
      name       = "robots"
      decision   = "non_identity"
      precedence = 1
      include    = [{ certificate = {} }]
    },
    { id = cloudflare_zero_trust_access_policy.staff.id, precedence = 2 },
  ]
}

resource "cloudflare_zero_trust_access_application" "zoned" {
  zone_id      = var.zone
  name         = "zoned"
  domain       = "zone.example.com/inner"
  type         = "self_hosted"
  cors_headers = { allow_all_methods = true, allowed_origins = ["https://a.example.com"] }
}

# Nothing but destinations: the domain comes from them.

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

