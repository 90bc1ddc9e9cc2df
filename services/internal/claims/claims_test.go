package claims

import (
	"testing"

	"plumbline.dev/proto"
)

// Verifiers of another version must find the same audience.
func TestOrgAudience(t *testing.T) {
	a := proto.Account{0: 1, 15: 2}
	const want = "c0844733aa7f8c5adfc1417918e135c83afdf11c2b5ef9209b2ae0bf9c32895d"
	if got := OrgAudience(a); got != want {
		t.Errorf("%s, was %s", got, want)
	}
	if OrgAudience(proto.Account{0: 1}) == want {
		t.Error("two accounts have the same audience")
	}
}
