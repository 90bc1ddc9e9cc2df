resource "cloudflare_zero_trust_device_posture_integration" "scores" {
  account_id = var.account
  name       = "scores"
  type       = "custom_s2s"
  interval   = "10m"
  config = {
    api_url              = var.scorer
    access_client_id     = "e41d8cd98f00b204e9800998ecf8427e.access"
    access_client_secret = "another-secret-of-the-test"
  }
}

resource "cloudflare_zero_trust_device_posture_rule" "scores" {
  account_id = var.account
  name       = "scores"
  type       = "custom_s2s"
  input = {
    connection_id = cloudflare_zero_trust_device_posture_integration.scores.id
    operator      = "=="
    score         = 100
  }
}

resource "cloudflare_zero_trust_device_posture_rule" "kept" {
  for_each   = toset(["file", "firewall", "os_version", "warp"])
  account_id = var.account
  name       = each.key
  type       = each.key
}

variable "scorer" { type = string }
