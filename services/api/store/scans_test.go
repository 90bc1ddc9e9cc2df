package store_test

import (
	"context"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/store"
)

// TestScansOfAnAccount checks that one account cannot hold all places for large reads, and all accounts together no
// more than there are.
func TestScansOfAnAccount(t *testing.T) {
	t.Parallel()
	s := newStore(t, apitest.Start(t))
	a, b, c := proto.NewAccount(), proto.NewAccount(), proto.NewAccount()
	ended, end := context.WithCancel(t.Context())
	end()
	var release []func()
	take := func(account proto.Account) {
		t.Helper()
		done, err := s.AcquireScan(t.Context(), account)
		if err != nil {
			t.Fatal(err)
		}
		release = append(release, done)
	}
	waits := func(account proto.Account) {
		t.Helper()
		if done, err := s.AcquireScan(ended, account); err == nil {
			done()
			t.Error("a further scan does not wait")
		}
	}
	for range store.MaxAccountScans {
		take(a)
	}
	waits(a)
	for range store.MaxScans - store.MaxAccountScans {
		take(b)
	}
	waits(b)
	waits(c)
	if n := s.ScanningAccounts(); n != 2 {
		t.Errorf("the places of %d accounts are kept, want 2", n)
	}
	release[0]()
	take(c)
	for _, done := range release[1:] {
		done()
	}
	if n := s.ScanningAccounts(); n != 0 {
		t.Errorf("the places of %d accounts are kept when no scan is left", n)
	}
}
