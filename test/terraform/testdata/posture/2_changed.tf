resource "cloudflare_zero_trust_device_posture_integration" "scores" {
  account_id = var.account
  name       = "scores, changed"
  type       = "custom_s2s"
  interval   = "1h"
  config = {
    api_url              = "${var.scorer}/changed"
    access_client_id     = "e41d8cd98f00b204e9800998ecf8427e.access"
    access_client_secret = "another-secret-of-the-test"
  }
}

resource "cloudflare_zero_trust_device_posture_rule" "scores" {
  account_id  = var.account
  name        = "scores, changed"
  type        = "custom_s2s"
  description = "what scores say"
  schedule    = "5m"
  expiration  = "1h"
  match       = [{ platform = "windows" }]
  input = {
    connection_id = cloudflare_zero_trust_device_posture_integration.scores.id
    operator      = "<"
    score         = 0
  }
}

resource "cloudflare_zero_trust_device_posture_integration" "kept" {
  for_each = {
    workspace_one   = { api_url = "https://ws2.example.com", auth_url = "https://ws2.example.com/auth", client_id = "client2", client_secret = "secret2" }
    crowdstrike_s2s = { api_url = "https://cs.example.com", client_id = "client", client_secret = "secret2", customer_id = "customer2" }
    tanium_s2s      = { api_url = "https://tanium.example.com", client_secret = "secret" }
  }
  account_id = var.account
  name       = "${each.key}, changed"
  type       = each.key
  interval   = "12h"
  config     = each.value
}

resource "cloudflare_zero_trust_device_posture_rule" "kept" {
  for_each = {
    file            = { path = "/etc/shadow", exists = false }
    disk_encryption = { check_disks = [], require_all = true }
    firewall        = { enabled = false }
    os_version      = { version = "11.0.0", operator = ">=" }
    crowdstrike_s2s = { connection_id = cloudflare_zero_trust_device_posture_integration.kept["crowdstrike_s2s"].id, state = "offline" }
  }
  account_id  = var.account
  name        = "${each.key}, changed"
  type        = each.key
  description = "changed"
  schedule    = "5m"
  match       = [{ platform = "windows" }]
  input       = each.value
}

variable "scorer" { type = string }
