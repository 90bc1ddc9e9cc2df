variable "name" { type = string }

resource "cloudflare_zero_trust_access_application" "many" {
  count        = 30
  account_id   = var.account
  name         = "${var.name} ${count.index}"
  type         = "self_hosted"
  destinations = [{ uri = "${var.name}-${count.index}.example.com" }]
  tags         = [cloudflare_zero_trust_access_tag.many[count.index % 10].name]
  policies     = [{ id = cloudflare_zero_trust_access_policy.many[count.index].id, precedence = 1 }]
}

resource "cloudflare_zero_trust_access_policy" "many" {
  count      = 30
  account_id = var.account
  name       = "${var.name} ${count.index}"
  decision   = "non_identity"
  include    = [{ service_token = { token_id = cloudflare_zero_trust_access_service_token.many[count.index].id } }]
}

resource "cloudflare_zero_trust_access_service_token" "many" {
  count      = 30
  account_id = var.account
  name       = "${var.name} ${count.index}"
}

resource "cloudflare_zero_trust_access_tag" "many" {
  count      = 10
  account_id = var.account
  name       = "tag ${count.index}"
}
