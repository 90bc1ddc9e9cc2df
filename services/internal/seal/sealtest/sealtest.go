// Package sealtest makes identities for tests.
package sealtest

import (
	"testing"

	"filippo.io/age"
	"plumbline.dev/services/internal/seal"
)

// Identities returns a new identity to decrypt secrets with.
func Identities(t testing.TB) []age.Identity {
	t.Helper()
	text, _, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	all, err := seal.ParseIdentities(text)
	if err != nil {
		t.Fatal(err)
	}
	return all
}
