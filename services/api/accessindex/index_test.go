package accessindex

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// However applications, policies and groups come and go, the index says of them what counting them says.
func TestTheIndexCountsWhatThereIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, a := newIndex(nil), proto.Account{1}
		ids := []proto.ID{{1}, {2}, {3}}
		some := rapid.SampledFrom(ids)
		apps, policies := map[proto.ID]*proto.Application{}, map[proto.ID]*proto.Policy{}
		for n := range rapid.IntRange(1, 40).Draw(t, "changes") {
			id, gone := some.Draw(t, "id"), rapid.Bool().Draw(t, "gone")
			ch := catalog.Change{Account: a, ID: id, Revision: uint64(n + 1)}
			if rapid.Bool().Draw(t, "application") {
				ch.Kind = topology.KindApplication
				if was := apps[id]; was != nil {
					ch.Was = was
				}
				delete(apps, id)
				if !gone {
					apps[id] = &proto.Application{
						ID: id, Domains: []string{fmt.Sprintf("H%d.example.com", rapid.IntRange(1, 2).Draw(t, "host"))},
						Policies: []proto.PolicyLink{{Policy: some.Draw(t, "linked")}}, Sent: []byte(`{"tags":["a","b"]}`),
					}
					ch.Is = apps[id]
				}
			} else {
				ch.Kind = topology.KindPolicy
				if was := policies[id]; was != nil {
					ch.Was = was
				}
				delete(policies, id)
				if !gone {
					named := fmt.Appendf(nil, `{"token_id":%q}`, some.Draw(t, "named"))
					policies[id] = &proto.Policy{
						ID: id, Owner: rapid.SampledFrom([]proto.ID{{}, {1}, {2}}).Draw(t, "owner"),
						Include:   []proto.Rule{{Selector: "service_token", Body: named}},
						CreatedAt: proto.Millis(rapid.IntRange(0, 2).Draw(t, "created")),
					}
					ch.Is = policies[id]
				}
			}
			x.apply(ch)
			checkIndex(t, x, a, ids, apps, policies)
		}
	})
}

func checkIndex(t *rapid.T, x *Index, a proto.Account, ids []proto.ID, apps map[proto.ID]*proto.Application,
	policies map[proto.ID]*proto.Policy) {
	reusable := 0
	for _, id := range append(ids, proto.ID{9}) {
		var links, named, owned int
		var claimed bool
		for _, app := range apps {
			if app.Policies[0].Policy == id {
				links++
			}
			claimed = claimed || app.ID != id && app.Domains[0] == "H1.example.com"
		}
		for _, p := range policies {
			if string(p.Include[0].Body) == fmt.Sprintf(`{"token_id":%q}`, id) {
				named++
			}
			if p.Owner == id {
				owned++
			}
		}
		if _, there := x.OtherOwner(a, "h1.example.com", id); there != claimed {
			t.Fatalf("the destination is claimed beside %s: %t, wanted %t", id, there, claimed)
		}
		if got := []int{x.LinksTo(a, id), x.RulesNaming(a, id), len(x.OwnedBy(a, id))}; !slices.Equal(got,
			[]int{links, named, owned}) {
			t.Fatalf("of %s: %v, wanted %v", id, got, []int{links, named, owned})
		}
	}
	for _, p := range policies {
		if p.Owner.IsZero() {
			reusable++
		}
	}
	c := x.Account(a)
	if got := []int{len(c.Applications.All()), len(c.Policies.All()), len(c.Reusable.All()),
		x.TaggedBy(a, "b")}; !slices.Equal(got, []int{len(apps), len(policies), reusable, len(apps)}) {
		t.Fatalf("%v, wanted %d applications, %d policies, %d of them reusable", got, len(apps), len(policies), reusable)
	}
	if x.LinksTo(proto.Account{2}, ids[0]) != 0 || x.Account(proto.Account{2}).Applications.All() != nil {
		t.Fatal("another account has something")
	}
}
