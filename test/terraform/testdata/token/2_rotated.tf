resource "cloudflare_zero_trust_access_service_token" "plain" {
  account_id = var.account
  name       = "renamed"
}

resource "cloudflare_zero_trust_access_service_token" "it" {
  account_id                        = var.account
  name                              = "it"
  duration                          = "720h"
  client_secret_version             = 2
  previous_client_secret_expires_at = "2099-01-01T00:00:00Z"
}

resource "cloudflare_zero_trust_access_service_token" "forever" {
  account_id = var.account
  name       = "forever"
}

resource "cloudflare_zero_trust_access_service_token" "off" {
  account_id = var.account
  name       = "off"
  enabled    = true
}

resource "cloudflare_zero_trust_access_service_token" "later" {
  account_id                        = var.account
  name                              = "later"
  client_secret_version             = 3
  previous_client_secret_expires_at = "2099-06-01T12:00:00+02:00"
}

resource "cloudflare_zero_trust_access_service_token" "zoned" {
  zone_id                           = var.zone
  name                              = "zoned"
  client_secret_version             = 2
  previous_client_secret_expires_at = "2020-01-01T00:00:00Z"
}
