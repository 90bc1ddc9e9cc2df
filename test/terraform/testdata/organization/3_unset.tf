resource "cloudflare_zero_trust_organization" "it" {
  account_id              = var.account
  name                    = "the firm"
  auth_domain             = "firm.cloudflareaccess.com"
  deny_unmatched_requests = false
  login_design            = { header_text = "Hello" }
}
