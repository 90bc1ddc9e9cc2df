package catalog

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"sync"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Record is a configured resource. Value is shared and must not be modified.
type Record[T any] struct {
	Account  proto.Account
	Revision uint64 // of its key in CONFIG
	Value    *T
	// Unreadable is set if the newest revision of an application or a zone cannot be read. Value is then the last readable
	// one; an application lacks its policies and gate settings, so that its destinations stay closed. If none was ever
	// readable, an application has no destinations (see [Catalog.Uncertain]), and a zone no hosts: they are unknown.
	Unreadable bool
}

type key struct {
	account proto.Account
	id      proto.ID
}

// Catalog is a view of some kinds of configured resources. It is safe for concurrent use.
type Catalog struct {
	*bus.View

	mu           sync.RWMutex
	integrations map[key]Record[proto.Integration]
	checks       map[key]Record[proto.Check]
	apps         map[key]Record[proto.Application]
	policies     map[key]Record[proto.Policy]
	groups       map[key]Record[proto.Group]
	idps         map[key]Record[proto.IdentityProvider]
	orgs         map[key]Record[proto.Organization]
	tags         map[key]Record[proto.Tag]
	zones        map[key]Record[proto.Zone]
	exemptions   map[key]Record[proto.Exemption]
	members      map[key]Record[proto.Member]
	// over caches the checks of an integration until the next change: an evaluator asks for them for every page.
	over map[key][]Record[proto.Check]
	// exempt caches the exemptions of an account, by device, until the next change of one.
	exempt map[proto.Account]map[proto.ID][]Record[proto.Exemption]
	// uncertain holds the applications without any readable revision.
	uncertain map[key]bool
	newest    map[topology.Kind]uint64 // revision of each kind
	tell      []func(Change)
}

// Change is one change of a resource. Was and Is are values as in [Record], such as a *proto.Application. They are
// nil for a resource that did not exist before, or no longer exists.
type Change struct {
	Account  proto.Account
	Kind     topology.Kind
	ID       proto.ID
	Revision uint64
	Was, Is  any
}

// New returns an empty view of the kinds, or of all kinds if none is named. Its Run fills it. A record that
// cannot be decoded, or does not match its key, is reported and left out, so that it does not affect the others. An
// application stays, closed: see [Record].
func New(conn *bus.Conn, kinds ...topology.Kind) *Catalog {
	c := &Catalog{
		integrations: map[key]Record[proto.Integration]{}, checks: map[key]Record[proto.Check]{},
		over: map[key][]Record[proto.Check]{}, apps: map[key]Record[proto.Application]{},
		policies: map[key]Record[proto.Policy]{}, groups: map[key]Record[proto.Group]{},
		idps: map[key]Record[proto.IdentityProvider]{}, orgs: map[key]Record[proto.Organization]{},
		tags:       map[key]Record[proto.Tag]{},
		zones:      map[key]Record[proto.Zone]{},
		exemptions: map[key]Record[proto.Exemption]{}, exempt: map[proto.Account]map[proto.ID][]Record[proto.Exemption]{},
		members: map[key]Record[proto.Member]{}, newest: map[topology.Kind]uint64{}, uncertain: map[key]bool{},
	}
	var keys []string
	for _, k := range kinds {
		keys = append(keys, topology.ConfigKeys(k))
	}
	if len(keys) == 0 {
		keys = []string{">"}
	}
	c.View = bus.NewView(conn, topology.Config, keys, c.apply)
	return c
}

// Tell registers f for every change. It is called for one change at a time, before Revision includes the
// change, so that data kept by f is as current as the view. f must not call the view. Call Tell before Run.
func (c *Catalog) Tell(f func(Change)) { c.tell = append(c.tell, f) }

func (c *Catalog) apply(u bus.Update) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	account, kind, id, err := topology.ParseConfigKey(u.Key)
	if err != nil {
		return err
	}
	c.newest[kind] = u.Revision
	k := key{account, id}
	change := Change{Account: account, Kind: kind, ID: id, Revision: u.Revision}
	switch kind {
	case topology.KindIntegration:
		change.Was, change.Is, err = put(c.integrations, k, u, func(v *proto.Integration) proto.ID { return v.ID })
	case topology.KindCheck:
		clear(c.over)
		change.Was, change.Is, err = put(c.checks, k, u, func(v *proto.Check) proto.ID { return v.ID })
	case topology.KindApplication:
		change.Was, change.Is, err = put(c.apps, k, u, func(v *proto.Application) proto.ID { return v.ID })
	case topology.KindPolicy:
		change.Was, change.Is, err = put(c.policies, k, u, func(v *proto.Policy) proto.ID { return v.ID })
	case topology.KindGroup:
		change.Was, change.Is, err = put(c.groups, k, u, func(v *proto.Group) proto.ID { return v.ID })
	case topology.KindIDP:
		change.Was, change.Is, err = put(c.idps, k, u, func(v *proto.IdentityProvider) proto.ID { return v.ID })
	case topology.KindOrganization:
		change.Was, change.Is, err = put(c.orgs, k, u, func(*proto.Organization) proto.ID {
			return topology.OrganizationID(account)
		})
	case topology.KindTag:
		change.Was, change.Is, err = put(c.tags, k, u, func(v *proto.Tag) proto.ID { return topology.TagID(account, v.Name) })
	case topology.KindExemption:
		delete(c.exempt, account)
		change.Was, change.Is, err = put(c.exemptions, k, u, func(v *proto.Exemption) proto.ID { return v.ID })
	case topology.KindMember:
		change.Was, change.Is, err = put(c.members, k, u, func(v *proto.Member) proto.ID { return v.ID })
	case topology.KindZone:
		change.Was, change.Is, err = put(c.zones, k, u, func(v *proto.Zone) proto.ID { return id })
	}
	if kind == topology.KindZone && err != nil {
		change.Is = c.keepZone(k, u.Revision, change.Was)
	}
	if kind == topology.KindApplication {
		// An application that arrives later and was never readable has not protected anything here.
		uncertain := err != nil && (change.Was == nil && !c.InSync() || c.uncertain[k])
		delete(c.uncertain, k)
		if err != nil {
			change.Is = c.closeApplication(k, u.Revision, change.Was, uncertain)
		}
	}
	for _, tell := range c.tell {
		tell(change)
	}
	return err
}

func put[T any, M interface {
	*T
	proto.Message
}](into map[key]Record[T], k key, u bus.Update, id func(M) proto.ID) (was, is any, err error) {
	if old, ok := into[k]; ok {
		was = old.Value
	}
	delete(into, k)
	if u.Deleted {
		return was, nil, nil
	}
	v := new(T)
	if err := u.Decode(M(v)); err != nil {
		return was, nil, err
	}
	if got := id(M(v)); got != k.id {
		return was, nil, fmt.Errorf("it is the record of %s", got)
	}
	into[k] = Record[T]{Account: k.account, Revision: u.Revision, Value: v}
	return was, v, nil
}

// keepZone keeps the hosts of a zone with an unreadable revision, so that no other zone can take them. The lock must be
// held.
func (c *Catalog) keepZone(k key, revision uint64, was any) *proto.Zone {
	last, ok := was.(*proto.Zone)
	if !ok {
		last = &proto.Zone{}
	}
	c.zones[k] = Record[proto.Zone]{Account: k.account, Revision: revision, Value: last, Unreadable: true}
	return last
}

// closeApplication stores the closed form of an application with an unreadable revision. The lock must be held.
func (c *Catalog) closeApplication(k key, revision uint64, was any, uncertain bool) *proto.Application {
	last, ok := was.(*proto.Application)
	if !ok {
		last = &proto.Application{ID: k.id}
	}
	if uncertain {
		c.uncertain[k] = true
	}
	closed := Closed(last)
	c.apps[k] = Record[proto.Application]{Account: k.account, Revision: revision, Value: closed, Unreadable: true}
	return closed
}

// Closed returns an application with the same destinations that denies everyone.
func Closed(app *proto.Application) *proto.Application {
	closed := *app
	closed.Policies, closed.Gate = nil, proto.Gate{}
	return &closed
}

// Uncertain returns the keys of the applications with unknown destinations: they could not be read when the process
// began, nor since. Any destination may be theirs. While there is one, a gateway must not allow any request, or a
// less specific application could open the destinations they protect.
func (c *Catalog) Uncertain() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var all []string
	for k := range c.uncertain {
		all = append(all, topology.ConfigKey(k.account, topology.KindApplication, k.id))
	}
	slices.Sort(all)
	return all
}

// RevisionOf returns the newest revision seen of some of the view's kinds, for requests to a service that follows
// only these.
func (c *Catalog) RevisionOf(kinds ...topology.Kind) uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var newest uint64
	for _, k := range kinds {
		newest = max(newest, c.newest[k])
	}
	return newest
}

// Integration looks up an integration.
func (c *Catalog) Integration(a proto.Account, id proto.ID) (Record[proto.Integration], bool) {
	return find(c, c.integrations, a, id)
}

// Check looks up a check.
func (c *Catalog) Check(a proto.Account, id proto.ID) (Record[proto.Check], bool) {
	return find(c, c.checks, a, id)
}

// Application looks up an application.
func (c *Catalog) Application(a proto.Account, id proto.ID) (Record[proto.Application], bool) {
	return find(c, c.apps, a, id)
}

// Policy looks up a policy.
func (c *Catalog) Policy(a proto.Account, id proto.ID) (Record[proto.Policy], bool) {
	return find(c, c.policies, a, id)
}

// Group looks up a group.
func (c *Catalog) Group(a proto.Account, id proto.ID) (Record[proto.Group], bool) {
	return find(c, c.groups, a, id)
}

// IdentityProvider looks up an identity provider.
func (c *Catalog) IdentityProvider(a proto.Account, id proto.ID) (Record[proto.IdentityProvider], bool) {
	return find(c, c.idps, a, id)
}

// Organization returns an account's organization. If it was never written, it is the zero value at revision 0.
func (c *Catalog) Organization(a proto.Account) Record[proto.Organization] {
	r, ok := find(c, c.orgs, a, topology.OrganizationID(a))
	if !ok {
		r = Record[proto.Organization]{Account: a, Value: &proto.Organization{}}
	}
	return r
}

// Organizations returns the organizations of every account, sorted by account.
func (c *Catalog) Organizations() []Record[proto.Organization] {
	return list(c, c.orgs, func(Record[proto.Organization]) bool { return true },
		func(*proto.Organization) proto.ID { return proto.ID{} })
}

// Zone looks up a zone.
func (c *Catalog) Zone(a, zone proto.Account) (Record[proto.Zone], bool) {
	return find(c, c.zones, a, topology.ZoneID(zone))
}

// Zones returns the zones of an account by id.
func (c *Catalog) Zones(a proto.Account) map[proto.Account]Record[proto.Zone] {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := map[proto.Account]Record[proto.Zone]{}
	for k, r := range c.zones {
		if k.account == a {
			all[proto.Account(k.id)] = r
		}
	}
	return all
}

// Tag looks up a tag by name.
func (c *Catalog) Tag(a proto.Account, name string) (Record[proto.Tag], bool) {
	return find(c, c.tags, a, topology.TagID(a, name))
}

// Integrations returns the integrations of every account, sorted by account and id.
func (c *Catalog) Integrations() []Record[proto.Integration] {
	return list(c, c.integrations, func(Record[proto.Integration]) bool {
		return true
	}, func(i *proto.Integration) proto.ID { return i.ID })
}

// IntegrationsOf returns the integrations of an account, sorted by id.
func (c *Catalog) IntegrationsOf(a proto.Account) []Record[proto.Integration] {
	return list(c, c.integrations, func(r Record[proto.Integration]) bool {
		return r.Account == a
	}, func(i *proto.Integration) proto.ID { return i.ID })
}

// Checks returns the checks of an integration, sorted by id. The slice is shared and must not be modified.
func (c *Catalog) Checks(a proto.Account, integration proto.ID) []Record[proto.Check] {
	k := key{a, integration}
	c.mu.RLock()
	known, ok := c.over[k]
	c.mu.RUnlock()
	if ok {
		return known
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over[k] = sorted(c.checks, func(r Record[proto.Check]) bool {
		return r.Account == a && r.Value.Integration == integration
	},
		func(v *proto.Check) proto.ID { return v.ID })
	return c.over[k]
}

// ChecksOf returns the checks of an account, sorted by id.
func (c *Catalog) ChecksOf(a proto.Account) []Record[proto.Check] {
	return list(c, c.checks, func(r Record[proto.Check]) bool {
		return r.Account == a
	}, func(v *proto.Check) proto.ID { return v.ID })
}

// Applications returns the applications of an account, sorted by id.
func (c *Catalog) Applications(a proto.Account) []Record[proto.Application] {
	return list(c, c.apps, func(r Record[proto.Application]) bool {
		return r.Account == a
	}, func(v *proto.Application) proto.ID { return v.ID })
}

// Policies returns the policies of an account, sorted by id.
func (c *Catalog) Policies(a proto.Account) []Record[proto.Policy] {
	return list(c, c.policies, func(r Record[proto.Policy]) bool {
		return r.Account == a
	}, func(v *proto.Policy) proto.ID { return v.ID })
}

// Groups returns the groups of an account, sorted by id.
func (c *Catalog) Groups(a proto.Account) []Record[proto.Group] {
	return list(c, c.groups, func(r Record[proto.Group]) bool {
		return r.Account == a
	}, func(v *proto.Group) proto.ID { return v.ID })
}

// IdentityProviders returns the identity providers of an account, sorted by id.
func (c *Catalog) IdentityProviders(a proto.Account) []Record[proto.IdentityProvider] {
	return list(c, c.idps, func(r Record[proto.IdentityProvider]) bool { return r.Account == a },
		func(v *proto.IdentityProvider) proto.ID { return v.ID })
}

// AllApplications returns the applications of every account, sorted by account and id. A gateway searches them for
// the application of a request.
func (c *Catalog) AllApplications() []Record[proto.Application] {
	return list(c, c.apps, func(Record[proto.Application]) bool {
		return true
	}, func(v *proto.Application) proto.ID { return v.ID })
}

// AllPolicies returns the policies of every account, sorted by account and id.
func (c *Catalog) AllPolicies() []Record[proto.Policy] {
	return list(c, c.policies, func(Record[proto.Policy]) bool {
		return true
	}, func(v *proto.Policy) proto.ID { return v.ID })
}

func find[T any](c *Catalog, in map[key]Record[T], a proto.Account, id proto.ID) (Record[T], bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	r, ok := in[key{a, id}]
	return r, ok
}

func list[T any](c *Catalog, in map[key]Record[T], want func(Record[T]) bool, id func(*T) proto.ID) []Record[T] {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return sorted(in, want, id)
}

func sorted[T any](in map[key]Record[T], want func(Record[T]) bool, id func(*T) proto.ID) []Record[T] {
	var out []Record[T]
	for _, r := range in {
		if want(r) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b Record[T]) int {
		ida, idb := id(a.Value), id(b.Value)
		return cmp.Or(bytes.Compare(a.Account[:], b.Account[:]), bytes.Compare(ida[:], idb[:]))
	})
	return out
}
