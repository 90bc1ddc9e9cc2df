resource "cloudflare_zero_trust_access_application" "it" {
  account_id                      = var.account
  name                            = "the wiki"
  type                            = "self_hosted"
  session_duration                = "1h30m"
  app_launcher_visible            = false
  allowed_idps                    = [cloudflare_zero_trust_access_identity_provider.sso.id]
  auto_redirect_to_identity       = true
  allow_authenticate_via_warp     = false
  allow_iframe                    = true
  enable_binding_cookie           = true
  http_only_cookie_attribute      = false
  path_cookie_attribute           = true
  same_site_cookie_attribute      = "strict"
  skip_interstitial               = true
  service_auth_401_redirect       = true
  read_service_tokens_from_header = "X-Wiki-Credentials"
  logo_url                        = "https://wiki.example.com/logo.svg"
  custom_deny_message             = "Ask the librarian."
  custom_deny_url                 = "https://help.example.com/denied"
  custom_non_identity_deny_url    = "https://help.example.com/service-denied"
  tags                            = [for t in cloudflare_zero_trust_access_tag.tags : t.name]
  destinations = [
    { type = "public", uri = "wiki.example.com" },
    { type = "public", uri = "pages.example.com/wiki/*" },
    { type = "private", cidr = "10.5.0.0/24", l4_protocol = "tcp", port_range = "443" },
    { type = "private", hostname = "wiki.internal", port_range = "8000-8100", l4_protocol = "udp", vnet_id = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa" },
  ]
  cors_headers = {
    allowed_methods   = ["GET", "POST", "PATCH"]
    allowed_origins   = ["https://app.example.com"]
    allowed_headers   = ["X-One", "X-Two"]
    allow_credentials = true
    max_age           = 600
  }
  policies = [
    { id = cloudflare_zero_trust_access_policy.services.id, precedence = 2 },
    { id = cloudflare_zero_trust_access_policy.staff.id, precedence = 7 },
  ]
  mfa_config = {
    allowed_authenticators = ["totp", "security_key"]
    session_duration       = "12h"
  }
  oauth_configuration = {
    enabled = true
    dynamic_client_registration = {
      enabled                = true
      allow_any_on_localhost = true
      allow_any_on_loopback  = false
      allowed_uris           = ["https://wiki.example.com/callback"]
    }
    grant = {
      access_token_lifetime = "1h"
      session_duration      = "24h"
    }
  }
  scim_config = {
    enabled              = true
    remote_uri           = "https://scim.example.com"
    idp_uid              = cloudflare_zero_trust_access_identity_provider.sso.id
    deactivate_on_delete = true
    authentication = {
      scheme   = "httpbasic"
      user     = "scim"
      password = "a-password-of-the-test"
    }
    mappings = [{
      schema            = "urn:ietf:params:scim:schemas:core:2.0:User"
      enabled           = true
      filter            = "title pr or userType eq \"Intern\""
      transform_jsonata = "$merge([$, {'userName': 'x'}])"
      strictness        = "strict"
      operations        = { create = true, update = true, delete = false }
    }]
  }
}

# Policies of its own, written in it; the second has no precedence.
resource "cloudflare_zero_trust_access_application" "destined" {
  account_id          = var.account
  name                = "ledger"
  type                = "self_hosted"
  self_hosted_domains = ["ledger.example.com", "books.example.com"]
  custom_pages        = ["bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"]
  cors_headers        = { allow_all_headers = true, allow_all_methods = true, allow_all_origins = true }
  policies = [
    {
      name       = "accountants"
      decision   = "allow"
      precedence = 3
      include    = [{ email = { email = "ann@example.com" } }, { group = { id = cloudflare_zero_trust_access_group.accountants.id } }]
      require    = [{ geo = { country_code = "NL" } }]
      exclude    = [{ ip = { ip = "192.0.2.0/24" } }]
    },
    {
      name     = "robots"
      decision = "non_identity"
      include  = [{ everyone = {} }]
    },
  ]
}

resource "cloudflare_zero_trust_access_group" "accountants" {
  account_id = var.account
  name       = "accountants"
  include    = [{ email_domain = { domain = "books.example.com" } }]
  # It goes together with what refers to it: after that was changed, and not before.
  lifecycle { create_before_destroy = true }
}

resource "cloudflare_zero_trust_access_application" "zoned" {
  zone_id                  = var.zone
  name                     = "zoned"
  domain                   = "zone.example.com/inner"
  type                     = "self_hosted"
  options_preflight_bypass = true
  session_duration         = "0s"
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

