resource "cloudflare_zero_trust_access_identity_provider" "oidc" {
  account_id = var.account
  name       = "oidc, changed"
  type       = "oidc"
  config = {
    client_id = "plumbline2"
    auth_url  = "https://login.example.com/authorize"
    token_url = "https://login.example.com/token"
    certs_url = "https://login.example.com/keys"
  }
}
