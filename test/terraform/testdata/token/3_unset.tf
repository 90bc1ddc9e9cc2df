resource "cloudflare_zero_trust_access_service_token" "it" {
  account_id                        = var.account
  name                              = "it"
  duration                          = "720h"
  client_secret_version             = 2
  previous_client_secret_expires_at = "2098-01-01T00:00:00Z"
}

resource "cloudflare_zero_trust_access_service_token" "off" {
  account_id = var.account
  name       = "off"
}

resource "cloudflare_zero_trust_access_service_token" "later" {
  account_id                        = var.account
  name                              = "later"
  client_secret_version             = 3
  previous_client_secret_expires_at = "2020-06-01T12:00:00Z"
}
