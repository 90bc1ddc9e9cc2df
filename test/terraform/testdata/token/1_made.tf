resource "cloudflare_zero_trust_access_service_token" "plain" {
  account_id = var.account
  name       = "plain"
}

resource "cloudflare_zero_trust_access_service_token" "it" {
  account_id = var.account
  name       = "it"
  duration   = "17520h"
}

resource "cloudflare_zero_trust_access_service_token" "forever" {
  account_id = var.account
  name       = "forever"
  duration   = "forever"
}

resource "cloudflare_zero_trust_access_service_token" "off" {
  account_id = var.account
  name       = "off"
  enabled    = false
}

# As one that was rotated under another roof.
resource "cloudflare_zero_trust_access_service_token" "later" {
  account_id                        = var.account
  name                              = "later"
  client_secret_version             = 2
  previous_client_secret_expires_at = "2026-06-01T12:00:00Z"
}

resource "cloudflare_zero_trust_access_service_token" "zoned" {
  zone_id = var.zone
  name    = "zoned"
}
