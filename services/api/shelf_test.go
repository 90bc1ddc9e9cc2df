package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// A shelf is what a sorted map is, and what was read of it stays as it was.
func TestAShelfKeepsItsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s shelf[int]
		model := map[proto.ID]*item[int]{}
		ids := []proto.ID{{1}, {2}, {3}, {4}, {5}}
		var read, copied []*item[int]
		for n := range rapid.IntRange(1, 60).Draw(t, "changes") {
			id := rapid.SampledFrom(ids).Draw(t, "id")
			switch rapid.IntRange(0, 2).Draw(t, "change") {
			case 0:
				s.remove(id)
				delete(model, id)
			case 1:
				created := proto.Millis(rapid.IntRange(0, 3).Draw(t, "created"))
				s.put(id, created, n)
				model[id] = &item[int]{of: n, id: id, created: created}
			default:
				read = s.all()
				copied = slices.Clone(read)
			}
			if !slices.Equal(read, copied) {
				t.Fatal("a list changed under its reader")
			}
			var want []*item[int]
			for _, i := range model {
				want = append(want, i)
			}
			slices.SortFunc(want, byAge)
			if !slices.EqualFunc(want, s.items, func(a, b *item[int]) bool { return a.of == b.of && a.id == b.id }) {
				t.Fatalf("%d items, wanted %d", len(s.items), len(want))
			}
		}
	})
}

// What an answer shows is made once for what it is made of.
func TestAnItemIsShownOnceForItsBasis(t *testing.T) {
	i, made := &item[string]{of: "x"}, 0
	show := func() any { made++; return map[string]int{"n": made} }
	for n, of := range []basis{{}, {}, {1}, {1}, {1, 1}} {
		b, err := i.shown(of, show)
		if want := []string{`{"n":1}`, `{"n":1}`, `{"n":2}`, `{"n":2}`, `{"n":3}`}[n]; err != nil || string(b) != want {
			t.Errorf("%d: %s, %v, wanted %s", n, b, err, want)
		}
	}
	if _, err := i.shown(basis{9}, func() any { return func() {} }); err == nil {
		t.Error("what cannot be encoded was shown")
	}
}

// However applications, policies and groups come and go, the index says of them what counting them says.
func TestTheIndexCountsWhatThereIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, a := newIndex(), proto.Account{1}
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
						Include: []proto.Rule{{Selector: "service_token", Body: named}}, CreatedAt: proto.Millis(rapid.IntRange(0, 2).Draw(t, "created")),
					}
					ch.Is = policies[id]
				}
			}
			x.apply(ch)
			checkIndex(t, x, a, ids, apps, policies)
		}
	})
}

func checkIndex(t *rapid.T, x *index, a proto.Account, ids []proto.ID, apps map[proto.ID]*proto.Application, policies map[proto.ID]*proto.Policy) {
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
		if _, there := x.claimant(a, "h1.example.com", id); there != claimed {
			t.Fatalf("the destination is claimed beside %s: %t, wanted %t", id, there, claimed)
		}
		if got := []int{x.linksTo(a, id), x.rulesNaming(a, id), len(x.ownedBy(a, id))}; !slices.Equal(got, []int{links, named, owned}) {
			t.Fatalf("of %s: %v, wanted %v", id, got, []int{links, named, owned})
		}
	}
	for _, p := range policies {
		if p.Owner.IsZero() {
			reusable++
		}
	}
	c := x.account(a)
	if got := []int{len(c.apps.all()), len(c.policies.all()), len(c.reusable.all()), x.taggedBy(a, "b")}; !slices.Equal(got, []int{len(apps), len(policies), reusable, len(apps)}) {
		t.Fatalf("%v, wanted %d applications, %d policies, %d of them reusable", got, len(apps), len(policies), reusable)
	}
	if x.linksTo(proto.Account{2}, ids[0]) != 0 || x.account(proto.Account{2}).apps.all() != nil {
		t.Fatal("another account has something")
	}
}

// Nobody gets an answer to a question that was asked before they came; those who wait together share one.
func TestConfirmationsAreSharedAndNeverOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked uint64
		asking := make(chan struct{})
		c := &confirmations{ask: func(context.Context) (uint64, error) {
			asked++
			mine := asked
			<-asking
			return mine, nil
		}}
		var mu sync.Mutex
		got := map[uint64]int{}
		ask := func() {
			n, err := c.newest(t.Context())
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			got[n]++
			mu.Unlock()
		}
		go ask()
		synctest.Wait()
		for range 10 {
			go ask()
		}
		synctest.Wait()
		asking <- struct{}{}
		synctest.Wait()
		for range 5 {
			go ask()
		}
		synctest.Wait()
		asking <- struct{}{}
		asking <- struct{}{}
		synctest.Wait()
		if got[1] != 1 || got[2] != 10 || got[3] != 5 || asked != 3 {
			t.Errorf("answers %v to %d questions", got, asked)
		}
	})
}

func TestAConfirmationThatFailsIsNotKept(t *testing.T) {
	fails := errors.New("no leader")
	c := &confirmations{ask: func(context.Context) (uint64, error) { return 0, fails }}
	if _, err := c.newest(t.Context()); !errors.Is(err, fails) {
		t.Error(err)
	}
	c.ask = func(context.Context) (uint64, error) { return 7, nil }
	if n, err := c.newest(t.Context()); n != 7 || err != nil {
		t.Error(n, err)
	}
	left, leave := context.WithCancelCause(t.Context())
	leave(fails)
	blocked := make(chan struct{})
	defer close(blocked)
	c = &confirmations{ask: func(context.Context) (uint64, error) { <-blocked; return 0, nil }}
	if _, err := c.newest(left); !errors.Is(err, fails) {
		t.Error(err)
	}
}
