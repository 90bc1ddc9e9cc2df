resource "cloudflare_zero_trust_access_identity_provider" "oidc" {
  account_id = var.account
  name       = "oidc, changed"
  type       = "oidc"
  config = {
    client_id     = "plumbline2"
    client_secret = "another-secret-of-the-test"
    auth_url      = "https://login.example.com/authorize"
    token_url     = "https://login.example.com/token"
    certs_url     = "https://login.example.com/keys"
    scopes        = ["openid"]
    claims        = []
    pkce_enabled  = false
  }
  scim_config = {
    enabled                  = false
    identity_update_behavior = "no_action"
    seat_deprovision         = false
    user_deprovision         = false
  }
}

resource "cloudflare_zero_trust_access_identity_provider" "plain" {
  account_id = var.account
  name       = "plain"
  type       = "oidc"
  config = {
    client_id     = "plumbline"
    client_secret = "a-secret-that-is-new"
    auth_url      = "https://sso.example.com/authorize"
    token_url     = "https://sso.example.com/token"
    certs_url     = "https://sso.example.com/keys"
  }
  scim_config = { enabled = true }
}

resource "cloudflare_zero_trust_access_identity_provider" "pin" {
  account_id = var.account
  name       = "a code by mail"
  type       = "onetimepin"
  config     = {}
}

resource "cloudflare_zero_trust_access_identity_provider" "zoned" {
  zone_id = var.zone
  name    = "zoned, changed"
  type    = "onetimepin"
  config  = {}
}

resource "cloudflare_zero_trust_access_identity_provider" "azure" {
  account_id = var.account
  name       = "azure"
  type       = "azureAD"
  config = {
    client_id     = "client2"
    client_secret = "another-secret-of-the-test"
    directory_id  = "directory"
  }
  scim_config = {
    enabled          = true
    seat_deprovision = false
    user_deprovision = true
  }
}

resource "cloudflare_zero_trust_access_identity_provider" "saml" {
  account_id = var.account
  name       = "saml"
  type       = "saml"
  config = {
    issuer_url       = "https://saml.example.com"
    sso_target_url   = "https://saml.example.com/sso/v2"
    sign_request     = false
    idp_public_certs = ["MIIDpDCCAoygAwIBAgIGAV2ka", "MIIDpDCCAoygAwIBAgIGAV2kb"]
  }
}

resource "cloudflare_zero_trust_access_identity_provider" "github" {
  account_id = var.account
  name       = "hub"
  type       = "github"
  config     = { client_id = "client", client_secret = "a-secret-of-the-test" }
}
