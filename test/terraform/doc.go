// Package terraform tests every resource of the control plane with Cloudflare's Terraform provider, version 5:
// applied configurations are read back unchanged (an empty plan), updated in place, imported, repaired after an
// external change, and destroyed.
//
// It needs Terraform and the Go module proxy and is therefore behind a build tag:
//
//	go test -tags terraform -timeout 90m -v ./terraform
//
// The provider is built from source once, in the user's cache directory. PLUMBLINE_TERRAFORM_PROVIDER sets the path
// of an existing provider, PLUMBLINE_TERRAFORM the path of terraform.
//
// Each directory in testdata is the lifecycle of some resources: its files are applied in the order of their names.
package terraform
