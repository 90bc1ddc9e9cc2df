resource "cloudflare_account_token" "it" {
  account_id = var.account
  name       = "it, changed"
  status     = "disabled"
  policies = [{
    effect            = "allow"
    permission_groups = [{ id = "7ea222f6d5064cfa89ea366d7c1fee89" }]
    resources         = jsonencode({ "com.cloudflare.api.account.${var.account}" = "*" })
  }]
}
