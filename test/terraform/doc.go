// Package terraform holds the test that Cloudflare's Terraform provider, version 5, keeps every resource of the
// control plane without knowing the difference: what is applied is read back as it was written (an empty plan),
// changed in place, imported, mended after a change behind its back, and destroyed.
//
// It needs Terraform and the Go module proxy and is therefore behind a build tag:
//
//	go test -tags terraform -timeout 90m -v ./terraform
//
// The provider is built once, from its source, into the user's cache directory. PLUMBLINE_TERRAFORM_PROVIDER
// names one that is built already, PLUMBLINE_TERRAFORM another terraform than that of the path.
//
// A directory of testdata is the life of some resources: its files are applied one after the other, in the order
// of their names.
package terraform
