package catalog

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
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
	// Unreadable is set if the newest revision of an application or a zone cannot be read. Value is then the last one
	// that could be; an application is without its policies and its gate's settings, so that its destinations stay
	// closed. If none could be read, an application has no destinations (see [Catalog.Uncertain]), and a zone no hosts:
	// nobody knows what is theirs.
	Unreadable bool
}

type key struct {
	account proto.Account
	id      proto.ID
}

// Catalog is a view of some kinds of configured resources. It is safe for concurrent use.
type Catalog struct {
	conn  *bus.Conn
	log   *slog.Logger
	kinds []topology.Kind

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
	// over is the checks of each integration that was asked for since the last change: an evaluator asks
	// for every page.
	over map[key][]Record[proto.Check]
	// uncertain are the applications of which no revision could be read.
	uncertain map[key]bool
	revision  uint64
	newest    map[topology.Kind]uint64 // revision of each kind
	caughtUp  bool
	changed   chan struct{}
	tell      []func(Change)
}

// Change is one change of a resource. Was and Is point to it, as the Value of a [Record] does: a
// *proto.Application, for instance. They are nil where there was none, or is none any more.
type Change struct {
	Account  proto.Account
	Kind     topology.Kind
	ID       proto.ID
	Revision uint64
	Was, Is  any
}

// New makes a view of the kinds, of all of them where none is named; it is empty until [Catalog.Run] has
// caught up. A record that cannot be decoded, or is not what its key names, is reported and left out: one bad record
// must not take the others away. An application stays, closed: see [Record].
func New(conn *bus.Conn, log *slog.Logger, kinds ...topology.Kind) *Catalog {
	return &Catalog{
		conn: conn, log: log, kinds: kinds, changed: make(chan struct{}),
		integrations: map[key]Record[proto.Integration]{}, checks: map[key]Record[proto.Check]{},
		over: map[key][]Record[proto.Check]{}, apps: map[key]Record[proto.Application]{}, policies: map[key]Record[proto.Policy]{},
		groups: map[key]Record[proto.Group]{}, idps: map[key]Record[proto.IdentityProvider]{}, orgs: map[key]Record[proto.Organization]{},
		tags:   map[key]Record[proto.Tag]{},
		zones:  map[key]Record[proto.Zone]{},
		newest: map[topology.Kind]uint64{}, uncertain: map[key]bool{},
	}
}

// Tell has f told of every change, one at a time, before [Catalog.Revision] says that it was seen: what f keeps
// is as far as the view is. f must not ask the view anything. It is to be named before Run.
func (c *Catalog) Tell(f func(Change)) { c.tell = append(c.tell, f) }

// Run keeps the view up to date until ctx ends.
func (c *Catalog) Run(ctx context.Context) error {
	if err := c.conn.AwaitTopology(ctx, topology.BucketStream(topology.Config)); err != nil {
		return err
	}
	var keys []string
	for _, k := range c.kinds {
		keys = append(keys, topology.ConfigKeys(k))
	}
	if len(keys) == 0 {
		keys = []string{">"}
	}
	return c.conn.Watch(ctx, topology.Config, keys, c.apply, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.caughtUp = true
		c.announce()
	})
}

func (c *Catalog) apply(u bus.Update) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.revision = max(c.revision, u.Revision)
	defer c.announce()
	account, kind, id, err := topology.ParseConfigKey(u.Key)
	if err != nil {
		c.conn.Unreadable(topology.BucketStream(topology.Config), u.Key, u.Revision, err)
		return nil
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
		change.Was, change.Is, err = put(c.orgs, k, u, func(*proto.Organization) proto.ID { return topology.OrganizationID(account) })
	case topology.KindTag:
		change.Was, change.Is, err = put(c.tags, k, u, func(v *proto.Tag) proto.ID { return topology.TagID(account, v.Name) })
	case topology.KindZone:
		change.Was, change.Is, err = put(c.zones, k, u, func(v *proto.Zone) proto.ID { return id })
	}
	if err != nil {
		c.conn.Unreadable(topology.BucketStream(topology.Config), u.Key, u.Revision, err)
	}
	if kind == topology.KindZone && err != nil {
		change.Is = c.keepZone(k, u.Revision, change.Was)
	}
	if kind == topology.KindApplication {
		// One that comes later and was never readable has not protected anything here.
		uncertain := err != nil && (change.Was == nil && !c.caughtUp || c.uncertain[k])
		delete(c.uncertain, k)
		if err != nil {
			change.Is = c.closeApplication(k, u.Revision, change.Was, uncertain)
		}
	}
	for _, tell := range c.tell {
		tell(change)
	}
	return nil
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

// keepZone keeps the hosts of a zone whose newest revision cannot be read; the lock is held. Another zone could take
// them otherwise.
func (c *Catalog) keepZone(k key, revision uint64, was any) *proto.Zone {
	last, ok := was.(*proto.Zone)
	if !ok {
		last = &proto.Zone{}
	}
	c.zones[k] = Record[proto.Zone]{Account: k.account, Revision: revision, Value: last, Unreadable: true}
	return last
}

// closeApplication keeps what is known of an application whose newest revision cannot be read; the lock is held.
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

// Closed is an application that has the destinations of another one and lets nobody in.
func Closed(app *proto.Application) *proto.Application {
	closed := *app
	closed.Policies, closed.Gate = nil, proto.Gate{}
	return &closed
}

// Uncertain are the keys of the applications whose destinations nobody knows, because they could not be read when
// the process began, nor since. Any destination may be theirs: whoever allows requests by applications must not allow
// any while there is one, or a less specific application would open what they protect.
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

// announce wakes who waits for a change; the lock is held.
func (c *Catalog) announce() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// Changed is closed at the next change.
func (c *Catalog) Changed() <-chan struct{} {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.changed
}

// Revision is the newest revision of CONFIG that the view has seen among its kinds. It never decreases.
func (c *Catalog) Revision() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.revision
}

// RevisionOf is the newest revision that the view has seen of some of its kinds, for whoever asks a
// service that follows no others.
func (c *Catalog) RevisionOf(kinds ...topology.Kind) uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var newest uint64
	for _, k := range kinds {
		newest = max(newest, c.newest[k])
	}
	return newest
}

// Await waits until the view holds what the bucket held when Run began.
func (c *Catalog) Await(ctx context.Context) error {
	return c.await(ctx, "caught up", func() bool { return c.caughtUp })
}

// AwaitRevision waits until the view has seen a revision.
func (c *Catalog) AwaitRevision(ctx context.Context, revision uint64) error {
	return c.await(ctx, fmt.Sprintf("at revision %d", revision), func() bool { return c.revision >= revision })
}

func (c *Catalog) await(ctx context.Context, what string, ok func() bool) error {
	for {
		c.mu.RLock()
		done, changed, at := ok(), c.changed, c.revision
		c.mu.RUnlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("the view of CONFIG, at revision %d, is not yet %s: %w", at, what, context.Cause(ctx))
		}
	}
}

// Integration finds one integration.
func (c *Catalog) Integration(a proto.Account, id proto.ID) (Record[proto.Integration], bool) {
	return find(c, c.integrations, a, id)
}

// Check finds one check.
func (c *Catalog) Check(a proto.Account, id proto.ID) (Record[proto.Check], bool) {
	return find(c, c.checks, a, id)
}

// Application finds one application.
func (c *Catalog) Application(a proto.Account, id proto.ID) (Record[proto.Application], bool) {
	return find(c, c.apps, a, id)
}

// Policy finds one policy.
func (c *Catalog) Policy(a proto.Account, id proto.ID) (Record[proto.Policy], bool) {
	return find(c, c.policies, a, id)
}

// Group finds one group.
func (c *Catalog) Group(a proto.Account, id proto.ID) (Record[proto.Group], bool) {
	return find(c, c.groups, a, id)
}

// IdentityProvider finds one identity provider.
func (c *Catalog) IdentityProvider(a proto.Account, id proto.ID) (Record[proto.IdentityProvider], bool) {
	return find(c, c.idps, a, id)
}

// Organization gives an account's organisation; one that was never written is its zero value, at revision 0.
func (c *Catalog) Organization(a proto.Account) Record[proto.Organization] {
	r, ok := find(c, c.orgs, a, topology.OrganizationID(a))
	if !ok {
		r = Record[proto.Organization]{Account: a, Value: &proto.Organization{}}
	}
	return r
}

// Zone finds one zone.
func (c *Catalog) Zone(a, zone proto.Account) (Record[proto.Zone], bool) {
	return find(c, c.zones, a, topology.ZoneID(zone))
}

// Zones are those of one account by id.
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

// Tag finds the tag with a name.
func (c *Catalog) Tag(a proto.Account, name string) (Record[proto.Tag], bool) {
	return find(c, c.tags, a, topology.TagID(a, name))
}

// Integrations are those of every account, by account and id.
func (c *Catalog) Integrations() []Record[proto.Integration] {
	return list(c, c.integrations, func(Record[proto.Integration]) bool { return true }, func(i *proto.Integration) proto.ID { return i.ID })
}

// IntegrationsOf are those of one account, by id.
func (c *Catalog) IntegrationsOf(a proto.Account) []Record[proto.Integration] {
	return list(c, c.integrations, func(r Record[proto.Integration]) bool { return r.Account == a }, func(i *proto.Integration) proto.ID { return i.ID })
}

// Checks are those over one integration, by id. The slice is shared and must not be modified.
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
	c.over[k] = sorted(c.checks, func(r Record[proto.Check]) bool { return r.Account == a && r.Value.Integration == integration },
		func(v *proto.Check) proto.ID { return v.ID })
	return c.over[k]
}

// ChecksOf are those of one account, by id.
func (c *Catalog) ChecksOf(a proto.Account) []Record[proto.Check] {
	return list(c, c.checks, func(r Record[proto.Check]) bool { return r.Account == a }, func(v *proto.Check) proto.ID { return v.ID })
}

// Applications are those of one account, by id.
func (c *Catalog) Applications(a proto.Account) []Record[proto.Application] {
	return list(c, c.apps, func(r Record[proto.Application]) bool { return r.Account == a }, func(v *proto.Application) proto.ID { return v.ID })
}

// Policies are those of one account, by id.
func (c *Catalog) Policies(a proto.Account) []Record[proto.Policy] {
	return list(c, c.policies, func(r Record[proto.Policy]) bool { return r.Account == a }, func(v *proto.Policy) proto.ID { return v.ID })
}

// Groups are those of one account, by id.
func (c *Catalog) Groups(a proto.Account) []Record[proto.Group] {
	return list(c, c.groups, func(r Record[proto.Group]) bool { return r.Account == a }, func(v *proto.Group) proto.ID { return v.ID })
}

// IdentityProviders are those of one account, by id.
func (c *Catalog) IdentityProviders(a proto.Account) []Record[proto.IdentityProvider] {
	return list(c, c.idps, func(r Record[proto.IdentityProvider]) bool { return r.Account == a },
		func(v *proto.IdentityProvider) proto.ID { return v.ID })
}

// AllApplications are those of every account, by account and id: what a gateway finds the application of a
// request among.
func (c *Catalog) AllApplications() []Record[proto.Application] {
	return list(c, c.apps, func(Record[proto.Application]) bool { return true }, func(v *proto.Application) proto.ID { return v.ID })
}

// AllPolicies are those of every account, by account and id.
func (c *Catalog) AllPolicies() []Record[proto.Policy] {
	return list(c, c.policies, func(Record[proto.Policy]) bool { return true }, func(v *proto.Policy) proto.ID { return v.ID })
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
