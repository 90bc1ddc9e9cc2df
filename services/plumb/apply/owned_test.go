package apply_test

import (
	"testing"

	"plumbline.dev/services/internal/ownedmember"
	"plumbline.dev/services/plumb/apply"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/document"
)

// A member that only the control plane writes is neither an unknown member of a document nor a difference.
func TestOwnedMembersAreNoDifference(t *testing.T) {
	for _, kind := range []client.Kind{client.KindGroup, client.KindPolicy, client.KindIdentityProvider,
		client.KindApplication} {
		for _, name := range ownedmember.All() {
			have := client.Object{"name": "a", name: "old"}
			have["id"] = "1"
			docs := []document.Document{{Kind: string(kind), Name: "a", Spec: map[string]any{name: "new"}, Source: "f:1"}}
			plan, err := apply.New(docs, apply.State{kind: {have}}, secrets, apply.Options{})
			if err != nil {
				t.Errorf("%s with %s: %v", kind, name, err)
				continue
			}
			if create, change, remove := plan.Pending(); create+change+remove != 0 {
				t.Errorf("%s with %s: %s", kind, name, plan.Summary())
			}
		}
	}
}
