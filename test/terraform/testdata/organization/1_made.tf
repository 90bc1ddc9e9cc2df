resource "cloudflare_zero_trust_organization" "it" {
  account_id       = var.account
  name             = "the firm"
  auth_domain      = "firm.cloudflareaccess.com"
  session_duration = "12h"
}

resource "cloudflare_zero_trust_access_key_configuration" "it" {
  account_id                 = var.account
  key_rotation_interval_days = 30
}

resource "cloudflare_zero_trust_access_tag" "it" {
  account_id = var.account
  name       = "a tag, with punctuation"
}
