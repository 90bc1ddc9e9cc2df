// Package cloudflare reads what there is to bring over: from a Cloudflare account, over its API, or from the
// state that Terraform keeps of one.
package cloudflare
