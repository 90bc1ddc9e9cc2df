# What is kept and echoed, and not served.

resource "cloudflare_zero_trust_access_application" "saml" {
  account_id       = var.account
  name             = "saml"
  type             = "saas"
  session_duration = "6h"
  saas_app = {
    auth_type            = "saml"
    consumer_service_url = "https://saas.example.com/sso"
    sp_entity_id         = "saas.example.com"
    name_id_format       = "id"
    custom_attributes = [{
      name        = "mail"
      name_format = "urn:oasis:names:tc:SAML:2.0:attrname-format:unspecified"
      source      = { name = "user_email" }
      required    = false
    }]
  }
}

resource "cloudflare_zero_trust_access_application" "oidc" {
  account_id = var.account
  name       = "oidc"
  type       = "saas"
  saas_app = {
    auth_type        = "oidc"
    redirect_uris    = ["https://saas.example.com/callback"]
    grant_types      = ["authorization_code"]
    scopes           = ["openid"]
    app_launcher_url = "https://saas.example.com"
  }
}

resource "cloudflare_zero_trust_access_application" "bookmark" {
  account_id           = var.account
  name                 = "bookmark"
  type                 = "bookmark"
  domain               = "intranet.example.com"
  app_launcher_visible = true
}

resource "cloudflare_zero_trust_access_application" "launcher" {
  account_id      = var.account
  type            = "app_launcher"
  bg_color        = "#000000"
  header_bg_color = "#ffffff"
  landing_page_design = {
    title        = "Hello"
    message      = "Have a nice day"
    button_color = "#0000ff"
  }
}

resource "cloudflare_zero_trust_access_application" "ssh" {
  zone_id = var.zone
  name    = "ssh"
  type    = "ssh"
  domain  = "sh.example.com"
}

resource "cloudflare_zero_trust_access_application" "infrastructure" {
  account_id = var.account
  name       = "machines"
  type       = "infrastructure"
  target_criteria = [{
    port              = 22
    protocol          = "SSH"
    target_attributes = { "hostname" = ["one"] }
  }]
  policies = [{
    name             = "admins"
    decision         = "allow"
    include          = [{ email = { email = "root@example.com" } }]
    connection_rules = { ssh = { usernames = ["root", "admin"], allow_email_alias = true } }
  }]
}

resource "cloudflare_zero_trust_access_application" "warp" {
  account_id       = var.account
  name             = "Warp Login App"
  type             = "warp"
  session_duration = "3h"
}
