data "cloudflare_account_api_token_permission_groups_list" "all" {
  account_id = var.account
  scope      = "com.cloudflare.api.account"
}

locals {
  groups = { for g in data.cloudflare_account_api_token_permission_groups_list.all.result : g.name => g.id }
}

resource "cloudflare_account_token" "it" {
  account_id = var.account
  name       = "it"
  expires_on = "2099-01-01T00:00:00Z"
  not_before = "2020-01-01T00:00:00Z"
  policies = [{
    effect            = "allow"
    permission_groups = [for name in ["Access: Apps and Policies Read", "Access: Apps and Policies Write"] : { id = local.groups[name] }]
    resources         = jsonencode({ "com.cloudflare.api.account.${var.account}" = "*" })
  }]
  condition = { request_ip = { in = ["192.0.2.0/24"], not_in = ["192.0.2.7/32"] } }
}
