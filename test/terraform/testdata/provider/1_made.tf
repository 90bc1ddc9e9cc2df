resource "cloudflare_zero_trust_access_identity_provider" "oidc" {
  account_id = var.account
  name       = "oidc"
  type       = "oidc"
  config = {
    client_id        = "plumbline"
    client_secret    = "a-secret-of-the-test"
    auth_url         = "https://sso.example.com/authorize"
    token_url        = "https://sso.example.com/token"
    certs_url        = "https://sso.example.com/keys"
    scopes           = ["openid", "email", "profile"]
    claims           = ["groups", "role"]
    email_claim_name = "mail"
    pkce_enabled     = true
  }
  scim_config = {
    enabled                  = true
    identity_update_behavior = "automatic"
    seat_deprovision         = true
    user_deprovision         = true
  }
}

resource "cloudflare_zero_trust_access_identity_provider" "plain" {
  account_id = var.account
  name       = "plain"
  type       = "oidc"
  config = {
    client_id = "plumbline"
    auth_url  = "https://sso.example.com/authorize"
    token_url = "https://sso.example.com/token"
    certs_url = "https://sso.example.com/keys"
  }
}

resource "cloudflare_zero_trust_access_identity_provider" "pin" {
  account_id = var.account
  name       = "one-time PIN"
  type       = "onetimepin"
  config     = {}
}

resource "cloudflare_zero_trust_access_identity_provider" "zoned" {
  zone_id = var.zone
  name    = "zoned"
  type    = "onetimepin"
  config  = {}
}

resource "cloudflare_zero_trust_access_identity_provider" "azure" {
  account_id = var.account
  name       = "azure"
  type       = "azureAD"
  config = {
    client_id                  = "client"
    client_secret              = "a-secret-of-the-test"
    directory_id               = "directory"
    support_groups             = true
    conditional_access_enabled = true
    prompt                     = "login"
  }
  scim_config = {
    enabled          = true
    seat_deprovision = true
    user_deprovision = true
  }
}

resource "cloudflare_zero_trust_access_identity_provider" "saml" {
  account_id = var.account
  name       = "saml"
  type       = "saml"
  config = {
    issuer_url           = "https://saml.example.com"
    sso_target_url       = "https://saml.example.com/sso"
    attributes           = ["email", "username"]
    email_attribute_name = "email"
    sign_request         = true
    idp_public_certs     = ["MIIDpDCCAoygAwIBAgIGAV2ka"]
    header_attributes    = [{ attribute_name = "email", header_name = "X-Email" }]
  }
}

resource "cloudflare_zero_trust_access_identity_provider" "github" {
  account_id = var.account
  name       = "github"
  type       = "github"
  config     = { client_id = "client", client_secret = "a-secret-of-the-test" }
}
