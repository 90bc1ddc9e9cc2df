resource "cloudflare_zero_trust_device_posture_integration" "scores" {
  account_id = var.account
  name       = "scores"
  type       = "custom_s2s"
  interval   = "10m"
  config = {
    api_url              = var.scorer
    access_client_id     = "d41d8cd98f00b204e9800998ecf8427e.access"
    access_client_secret = "a-secret-of-the-test"
  }
}

resource "cloudflare_zero_trust_device_posture_rule" "scores" {
  account_id = var.account
  name       = "scores"
  type       = "custom_s2s"
  input = {
    connection_id = cloudflare_zero_trust_device_posture_integration.scores.id
    operator      = ">="
    score         = 50.5
  }
}

resource "cloudflare_zero_trust_device_posture_integration" "kept" {
  for_each = {
    workspace_one   = { api_url = "https://ws1.example.com", auth_url = "https://ws1.example.com/auth", client_id = "client", client_secret = "secret" }
    crowdstrike_s2s = { api_url = "https://cs.example.com", client_id = "client", client_secret = "secret", customer_id = "customer" }
    uptycs          = { api_url = "https://uptycs.example.com", client_key = "key", client_secret = "secret", customer_id = "customer" }
    intune          = { client_id = "client", client_secret = "secret", customer_id = "customer" }
    kolide          = { client_id = "client", client_secret = "secret" }
    tanium_s2s      = { api_url = "https://tanium.example.com", client_secret = "secret", access_client_id = "id.access", access_client_secret = "secret" }
    sentinelone_s2s = { api_url = "https://s1.example.com", client_secret = "secret" }
  }
  account_id = var.account
  name       = each.key
  type       = each.key
  interval   = "24h"
  config     = each.value
}

locals {
  kept = cloudflare_zero_trust_device_posture_integration.kept
}

resource "cloudflare_zero_trust_device_posture_rule" "kept" {
  for_each = {
    file               = { path = "/etc/passwd", exists = true, sha256 = "abcd", thumbprint = "ef" }
    application        = { path = "/Applications/A.app", thumbprint = "abcd" }
    tanium             = { operating_system = "linux" }
    gateway            = null
    warp               = null
    disk_encryption    = { check_disks = ["C", "D"], require_all = false }
    serial_number      = { id = "ABCD1234" }
    sentinelone        = { operating_system = "linux", path = "/opt/s1" }
    carbonblack        = { operating_system = "linux", path = "/opt/cb", sha256 = "abcd" }
    firewall           = { enabled = true }
    os_version         = { version = "10.0.1", operator = "==", os_distro_name = "debian", os_distro_revision = "12", os_version_extra = "(a)" }
    domain_joined      = { domain = "example.com" }
    client_certificate = { certificate_id = "cert", cn = "example.com" }
    client_certificate_v2 = {
      certificate_id            = "cert"
      cn                        = "example.com"
      check_private_key         = true
      extended_key_usage        = ["clientAuth", "emailProtection"]
      locations                 = { trust_stores = ["system", "user"], paths = ["/etc/cert.pem"] }
      subject_alternative_names = ["a.example.com"]
    }
    antivirus        = { update_window_days = 3 }
    unique_client_id = { id = "list", operating_system = "android" }
    kolide           = { connection_id = local.kept["kolide"].id, count_operator = "<", issue_count = "2", auth_state = ["Good", "Notified"] }
    tanium_s2s       = { connection_id = local.kept["tanium_s2s"].id, eid_last_seen = "1d", operator = ">", risk_level = "low", score_operator = ">=", total_score = 85.5 }
    crowdstrike_s2s  = { connection_id = local.kept["crowdstrike_s2s"].id, last_seen = "15m", operator = "<", os = "50", overall = "60", sensor_config = "70", state = "online", version = "7", version_operator = ">" }
    intune           = { connection_id = local.kept["intune"].id, compliance_status = "compliant" }
    workspace_one    = { connection_id = local.kept["workspace_one"].id, compliance_status = "noncompliant" }
    sentinelone_s2s  = { connection_id = local.kept["sentinelone_s2s"].id, active_threats = 0, operator = "==", infected = false, is_active = true, network_status = "connected", operational_state = "na" }
  }
  account_id  = var.account
  name        = each.key
  type        = each.key
  description = "of type ${each.key}"
  schedule    = "1h"
  expiration  = "2h"
  match       = [{ platform = "windows" }, { platform = "android" }]
  input       = each.value
}

variable "scorer" { type = string }
