package policycache

import (
	"sync"
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/policy"
)

type fixture struct {
	*testing.T
	writer   *bus.Conn
	account  proto.Account
	catalog  *catalog.Catalog
	rules    *Cache
	problems []policy.Reason
}

func newFixture(t *testing.T) *fixture {
	b := bustest.Start(t)
	w := &fixture{T: t, writer: b.Conn(topology.API), account: proto.NewAccount()}
	w.catalog = catalog.New(b.Conn(topology.Exchange), topology.KindApplication, topology.KindPolicy,
		topology.KindGroup)
	go w.catalog.Run(t.Context())
	if err := w.catalog.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	var err error
	w.rules, err = New(w.catalog, bustest.Log(t), func(p *policy.Problem) { w.problems = append(w.problems, p.Reason) })
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// put writes a record and waits until the catalog has it.
func (w *fixture) put(kind topology.Kind, id proto.ID, m proto.Message, expect uint64) uint64 {
	w.Helper()
	revision, err := w.writer.Put(w.Context(), topology.Config, topology.ConfigKey(w.account, kind, id), m, expect)
	if err == nil {
		err = w.catalog.AwaitRevision(w.Context(), revision)
	}
	if err != nil {
		w.Fatal(err)
	}
	return revision
}

// remove deletes a record and waits until the catalog has it no longer.
func (w *fixture) remove(kind topology.Kind, id proto.ID, revision uint64) {
	w.Helper()
	before := w.catalog.Revision()
	if err := w.writer.Delete(w.Context(), topology.Config, topology.ConfigKey(w.account, kind, id),
		revision); err != nil {
		w.Fatal(err)
	}
	if err := w.catalog.AwaitRevision(w.Context(), before+1); err != nil {
		w.Fatal(err)
	}
}

// of is the list of the application as the catalog has it.
func (w *fixture) of(id proto.ID) []*policy.Policy {
	w.Helper()
	app, ok := w.catalog.Application(w.account, id)
	if !ok {
		w.Fatal("the application is not there")
	}
	return w.rules.Of(app)
}

func (w *fixture) decides(app proto.ID, email string, want policy.Reason) {
	w.Helper()
	if d := policy.Decide(w.of(app), &policy.Facts{LoggedIn: true, Email: email}); d.Reason != want {
		w.Errorf("%s: %s, want %s", email, d.Reason, want)
	}
}

func rule(selector, body string) proto.Rule {
	return proto.Rule{Selector: selector, Body: []byte(body)}
}

func inGroup(id proto.ID) proto.Rule { return rule("group", `{"id":"`+id.String()+`"}`) }

func mail(address string) proto.Rule { return rule("email", `{"email":"`+address+`"}`) }

func TestNoticesChangedGroups(t *testing.T) {
	w := newFixture(t)
	app, staff, inner, allow := proto.NewID(), proto.NewID(), proto.NewID(), proto.NewID()
	w.put(topology.KindPolicy, allow,
		&proto.Policy{ID: allow, Decision: proto.DecisionAllow, Include: []proto.Rule{inGroup(staff)}}, 0)
	w.put(topology.KindApplication, app,
		&proto.Application{ID: app, Policies: []proto.PolicyLink{{Policy: allow, Precedence: 1}}}, 0)
	w.decides(app, "ann@example.com", policy.MissingGroup)

	outer := w.put(topology.KindGroup, staff,
		&proto.Group{ID: staff, Include: []proto.Rule{inGroup(inner), mail("bob@example.com")}}, 0)
	w.decides(app, "bob@example.com", policy.Allow)
	w.decides(app, "ann@example.com", policy.MissingGroup)

	// A group in the group comes, changes and goes.
	revision := w.put(topology.KindGroup, inner, &proto.Group{ID: inner, Include: []proto.Rule{mail("ann@example.com")}},
		0)
	w.decides(app, "ann@example.com", policy.Allow)
	revision = w.put(topology.KindGroup, inner, &proto.Group{ID: inner, Include: []proto.Rule{mail("eve@example.com")}},
		revision)
	w.decides(app, "ann@example.com", policy.PersonNotAdmitted)
	w.decides(app, "eve@example.com", policy.Allow)
	revision = w.put(topology.KindGroup, inner,
		&proto.Group{ID: inner, Include: []proto.Rule{mail("eve@example.com"), inGroup(staff)}}, revision)
	w.decides(app, "eve@example.com", policy.GroupCycle)
	w.remove(topology.KindGroup, inner, revision)
	w.decides(app, "eve@example.com", policy.MissingGroup)
	w.remove(topology.KindGroup, staff, outer)
	w.decides(app, "bob@example.com", policy.MissingGroup)

	want := []policy.Reason{policy.MissingGroup, policy.MissingGroup, policy.GroupCycle, policy.MissingGroup,
		policy.MissingGroup}
	if len(w.problems) != len(want) {
		t.Errorf("problems %v, want %v", w.problems, want)
	}
	for i := range min(len(want), len(w.problems)) {
		if w.problems[i] != want[i] {
			t.Errorf("problem %d is %s, want %s", i, w.problems[i], want[i])
		}
	}
}

func TestPoliciesComeByPrecedenceAndAreNamedWhenMissing(t *testing.T) {
	w := newFixture(t)
	app, first, second := proto.NewID(), proto.NewID(), proto.NewID()
	everyone := []proto.Rule{rule("everyone", `{}`)}
	w.put(topology.KindPolicy, first, &proto.Policy{ID: first, Decision: proto.DecisionDeny, Include: everyone}, 0)
	revision := w.put(topology.KindPolicy, second,
		&proto.Policy{ID: second, Decision: proto.DecisionAllow, Include: everyone}, 0)
	record := &proto.Application{ID: app,
		Policies: []proto.PolicyLink{{Policy: second, Precedence: 2}, {Policy: first, Precedence: 1}}}
	at := w.put(topology.KindApplication, app, record, 0)
	w.decides(app, "ann@example.com", policy.Denied)
	list := w.of(app)
	if list[0].ID() != first || list[1].ID() != second {
		t.Errorf("%s before %s", list[0].ID(), list[1].ID())
	}

	// Another order of the same policies, which stay ready.
	record.Policies = []proto.PolicyLink{{Policy: second, Precedence: 1}, {Policy: first, Precedence: 2}}
	w.put(topology.KindApplication, app, record, at)
	w.decides(app, "ann@example.com", policy.Allow)
	if again := w.of(app); again[0] != list[1] || again[1] != list[0] {
		t.Error("policies that did not change were made ready again")
	}

	w.remove(topology.KindPolicy, second, revision)
	w.decides(app, "ann@example.com", policy.MissingPolicy)
}

func TestTheListStaysUntilTheCatalogChanges(t *testing.T) {
	w := newFixture(t)
	app, allow := proto.NewID(), proto.NewID()
	w.put(topology.KindPolicy, allow,
		&proto.Policy{ID: allow, Decision: proto.DecisionAllow, Include: []proto.Rule{mail("ann@example.com")}}, 0)
	w.put(topology.KindApplication, app,
		&proto.Application{ID: app, Policies: []proto.PolicyLink{{Policy: allow, Precedence: 1}}}, 0)
	record, _ := w.catalog.Application(w.account, app)
	list := w.rules.Of(record)
	if n := testing.AllocsPerRun(100, func() {
		if &w.rules.Of(record)[0] != &list[0] {
			t.Error("another list")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	other := proto.NewID()
	w.put(topology.KindPolicy, other, &proto.Policy{ID: other}, 0)
	if again := w.rules.Of(record); &again[0] == &list[0] || again[0] != list[0] {
		t.Error("after a change elsewhere the list must be a new one of the same policies")
	}
}

func TestManyAskWhileTheCatalogChanges(t *testing.T) {
	w := newFixture(t)
	app, allow := proto.NewID(), proto.NewID()
	revision := w.put(topology.KindPolicy, allow,
		&proto.Policy{ID: allow, Decision: proto.DecisionAllow, Include: []proto.Rule{mail("ann@example.com")}}, 0)
	w.put(topology.KindApplication, app,
		&proto.Application{ID: app, Policies: []proto.PolicyLink{{Policy: allow, Precedence: 1}}}, 0)
	stop, wait := make(chan struct{}), sync.WaitGroup{}
	for range 4 {
		wait.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				record, _ := w.catalog.Application(w.account, app)
				if len(w.rules.Of(record)) != 1 {
					t.Error("the policy is not there")
				}
			}
		})
	}
	for n := range 50 {
		email := []string{"ann@example.com", "bob@example.com"}[n%2]
		revision = w.put(topology.KindPolicy, allow,
			&proto.Policy{ID: allow, Decision: proto.DecisionAllow, Include: []proto.Rule{mail(email)}}, revision)
		w.decides(app, email, policy.Allow)
	}
	close(stop)
	wait.Wait()
}

func BenchmarkOf(b *testing.B) {
	r := &Cache{catalog: catalog.New(nil)}
	record := catalog.Record[proto.Application]{Value: &proto.Application{ID: proto.NewID()}}
	b.ReportAllocs()
	for b.Loop() {
		r.Of(record)
	}
}
