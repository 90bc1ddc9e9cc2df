package catalog

import (
	"slices"
	"sync"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/bus/view"
	"plumbline.dev/proto"
)

// Record is a configured resource. Value is shared and must not be modified.
type Record[T any] struct {
	Account  proto.Account
	Revision uint64 // of its key in CONFIG
	Value    *T
	// Unreadable is set if the newest revision of an application, a zone or a revocation cannot be read. A revocation then
	// ends every session of its person. For the others, Value is the last readable one; an application lacks its policies
	// and gate settings, so that its destinations stay closed. If none was ever readable, an application has no
	// destinations (see [Catalog.Uncertain]), and a zone no hosts: they are unknown.
	Unreadable bool
}

type key struct {
	account proto.Account
	id      proto.ID
}

// Catalog is a view of some kinds of configured resources. It is safe for concurrent use.
type Catalog struct {
	*view.View

	mu     sync.RWMutex
	tables map[topology.Kind]table // by kind; [Of] adds one

	integrations *Table[proto.Integration]
	checks       *Table[proto.Check]
	apps         *Table[proto.Application]
	policies     *Table[proto.Policy]
	groups       *Table[proto.Group]
	idps         *Table[proto.IdentityProvider]
	orgs         *Table[proto.Organization]
	tags         *Table[proto.Tag]
	zones        *Table[proto.Zone]
	exemptions   *Table[proto.Exemption]
	members      *Table[proto.Member]
	destinations *Table[proto.Destination]
	revocations  *Table[proto.Revocation]
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
	c := &Catalog{tables: map[topology.Kind]table{}, over: map[key][]Record[proto.Check]{},
		exempt: map[proto.Account]map[proto.ID][]Record[proto.Exemption]{},
		newest: map[topology.Kind]uint64{}, uncertain: map[key]bool{}}
	c.integrations = Of(c, topology.KindIntegration, func(v *proto.Integration) proto.ID { return v.ID })
	c.checks = Of(c, topology.KindCheck, func(v *proto.Check) proto.ID { return v.ID })
	c.apps = Of(c, topology.KindApplication, func(v *proto.Application) proto.ID { return v.ID })
	c.policies = Of(c, topology.KindPolicy, func(v *proto.Policy) proto.ID { return v.ID })
	c.groups = Of(c, topology.KindGroup, func(v *proto.Group) proto.ID { return v.ID })
	c.idps = Of(c, topology.KindIDP, func(v *proto.IdentityProvider) proto.ID { return v.ID })
	c.exemptions = Of(c, topology.KindExemption, func(v *proto.Exemption) proto.ID { return v.ID })
	c.members = Of(c, topology.KindMember, func(v *proto.Member) proto.ID { return v.ID })
	c.destinations = Of(c, topology.KindDestination, func(v *proto.Destination) proto.ID { return v.ID })
	c.revocations = Of(c, topology.KindRevocation, func(v *proto.Revocation) proto.ID { return v.ID })
	c.orgs = add(c, topology.KindOrganization, func(a proto.Account, _ *proto.Organization) proto.ID {
		return topology.OrganizationID(a)
	})
	c.tags = add(c, topology.KindTag, func(a proto.Account, v *proto.Tag) proto.ID { return topology.TagID(a, v.Name) })
	c.zones = add[proto.Zone, *proto.Zone](c, topology.KindZone, nil) // a record does not hold its id
	c.checks.changed = func(key) { clear(c.over) }
	c.exemptions.changed = func(k key) { delete(c.exempt, k.account) }
	var keys []string
	for _, k := range kinds {
		keys = append(keys, topology.ConfigKeys(k))
	}
	if len(keys) == 0 {
		keys = []string{">"}
	}
	c.View = view.New(conn, topology.Config, keys, c.apply)
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
	if t := c.tables[kind]; t != nil {
		change.Was, change.Is, err = t.put(k, u)
	}
	if kind == topology.KindZone && err != nil {
		change.Is = c.keepZone(k, u.Revision, change.Was)
	}
	if kind == topology.KindRevocation && err != nil {
		change.Is = c.keepRevocation(k, u.Revision)
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

// keepZone keeps the hosts of a zone with an unreadable revision, so that no other zone can take them. The lock must be
// held.
func (c *Catalog) keepZone(k key, revision uint64, was any) *proto.Zone {
	last, ok := was.(*proto.Zone)
	if !ok {
		last = &proto.Zone{}
	}
	c.zones.rows[k] = Record[proto.Zone]{Account: k.account, Revision: revision, Value: last, Unreadable: true}
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
	c.apps.rows[k] = Record[proto.Application]{Account: k.account, Revision: revision, Value: closed, Unreadable: true}
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

// AccessKinds returns the kinds that an exchange follows: they decide about the tokens of applications.
func AccessKinds() []topology.Kind {
	return []topology.Kind{topology.KindApplication, topology.KindPolicy, topology.KindGroup, topology.KindOrganization}
}

// AccessRevision returns the newest revision seen of the kinds that an exchange follows, for requests to it.
func (c *Catalog) AccessRevision() uint64 { return c.RevisionOf(AccessKinds()...) }

// Integration looks up an integration.
func (c *Catalog) Integration(a proto.Account, id proto.ID) (Record[proto.Integration], bool) {
	return c.integrations.Find(a, id)
}

// Check looks up a check.
func (c *Catalog) Check(a proto.Account, id proto.ID) (Record[proto.Check], bool) {
	return c.checks.Find(a, id)
}

// Application looks up an application.
func (c *Catalog) Application(a proto.Account, id proto.ID) (Record[proto.Application], bool) {
	return c.apps.Find(a, id)
}

// Policy looks up a policy.
func (c *Catalog) Policy(a proto.Account, id proto.ID) (Record[proto.Policy], bool) {
	return c.policies.Find(a, id)
}

// Group looks up a group.
func (c *Catalog) Group(a proto.Account, id proto.ID) (Record[proto.Group], bool) {
	return c.groups.Find(a, id)
}

// IdentityProvider looks up an identity provider.
func (c *Catalog) IdentityProvider(a proto.Account, id proto.ID) (Record[proto.IdentityProvider], bool) {
	return c.idps.Find(a, id)
}

// Organization returns an account's organization. If it was never written, it is the zero value at revision 0.
func (c *Catalog) Organization(a proto.Account) Record[proto.Organization] {
	r, ok := c.orgs.Find(a, topology.OrganizationID(a))
	if !ok {
		r = Record[proto.Organization]{Account: a, Value: &proto.Organization{}}
	}
	return r
}

// Organizations returns the organizations of every account, sorted by account.
func (c *Catalog) Organizations() []Record[proto.Organization] {
	return c.orgs.All()
}

// Zone looks up a zone.
func (c *Catalog) Zone(a, zone proto.Account) (Record[proto.Zone], bool) {
	return c.zones.Find(a, topology.ZoneID(zone))
}

// Zones returns the zones of an account by id.
func (c *Catalog) Zones(a proto.Account) map[proto.Account]Record[proto.Zone] {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := map[proto.Account]Record[proto.Zone]{}
	for k, r := range c.zones.rows {
		if k.account == a {
			all[proto.Account(k.id)] = r
		}
	}
	return all
}

// Tag looks up a tag by name.
func (c *Catalog) Tag(a proto.Account, name string) (Record[proto.Tag], bool) {
	return c.tags.Find(a, topology.TagID(a, name))
}

// Integrations returns the integrations of every account, sorted by account and id.
func (c *Catalog) Integrations() []Record[proto.Integration] {
	return c.integrations.All()
}

// IntegrationsOf returns the integrations of an account, sorted by id.
func (c *Catalog) IntegrationsOf(a proto.Account) []Record[proto.Integration] {
	return c.integrations.In(a)
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
	c.over[k] = c.checks.sorted(func(r Record[proto.Check]) bool {
		return r.Account == a && r.Value.Integration == integration
	})
	return c.over[k]
}

// ChecksOf returns the checks of an account, sorted by id.
func (c *Catalog) ChecksOf(a proto.Account) []Record[proto.Check] {
	return c.checks.In(a)
}

// Applications returns the applications of an account, sorted by id.
func (c *Catalog) Applications(a proto.Account) []Record[proto.Application] {
	return c.apps.In(a)
}

// Policies returns the policies of an account, sorted by id.
func (c *Catalog) Policies(a proto.Account) []Record[proto.Policy] {
	return c.policies.In(a)
}

// Groups returns the groups of an account, sorted by id.
func (c *Catalog) Groups(a proto.Account) []Record[proto.Group] {
	return c.groups.In(a)
}

// IdentityProviders returns the identity providers of an account, sorted by id.
func (c *Catalog) IdentityProviders(a proto.Account) []Record[proto.IdentityProvider] {
	return c.idps.In(a)
}

// AllApplications returns the applications of every account, sorted by account and id. A gateway searches them for
// the application of a request.
func (c *Catalog) AllApplications() []Record[proto.Application] {
	return c.apps.All()
}

// AllPolicies returns the policies of every account, sorted by account and id.
func (c *Catalog) AllPolicies() []Record[proto.Policy] {
	return c.policies.All()
}
