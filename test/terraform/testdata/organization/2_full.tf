resource "cloudflare_zero_trust_organization" "it" {
  account_id                                  = var.account
  name                                        = "the firm, Ltd"
  auth_domain                                 = "firm.cloudflareaccess.com"
  session_duration                            = "24h"
  auto_redirect_to_identity                   = true
  allow_authenticate_via_warp                 = true
  is_ui_read_only                             = true
  ui_read_only_toggle_reason                  = "it is in version control"
  user_seat_expiration_inactive_time          = "1460h"
  warp_auth_session_duration                  = "36h"
  deny_unmatched_requests                     = true
  deny_unmatched_requests_exempted_zone_names = ["example.com"]
  mfa_required_for_all_apps                   = true
  login_design = {
    background_color = "#ffffff"
    text_color       = "#000000"
    logo_path        = "https://example.com/logo.png"
    header_text      = "Hello"
    footer_text      = "Bye"
  }
  custom_pages = {
    forbidden       = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
    identity_denied = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
  }
  mfa_config = {
    allowed_authenticators        = ["totp", "security_key"]
    session_duration              = "24h"
    amr_matching_session_duration = "12h"
  }
  mfa_ssh_piv_key_requirements = {
    pin_policy          = "once"
    require_fips_device = true
    ssh_key_size        = [2048]
    ssh_key_type        = ["rsa"]
    touch_policy        = "cached"
  }
}

resource "cloudflare_zero_trust_access_key_configuration" "it" {
  account_id                 = var.account
  key_rotation_interval_days = 90
}

resource "cloudflare_zero_trust_access_tag" "it" {
  account_id = var.account
  name       = "another"
}
