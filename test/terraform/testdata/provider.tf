terraform {
  required_providers {
    cloudflare = { source = "cloudflare/cloudflare" }
  }
}

# Where to, and the token, are in the environment.
provider "cloudflare" {}

variable "account" { type = string }

variable "zone" { type = string }
