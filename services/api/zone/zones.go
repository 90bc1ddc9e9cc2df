package zone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/appmatch"
	"plumbline.dev/services/internal/catalog"
)

// zonePart returns zones as a part of the API.
func (s *API) zonePart() resource.Part {
	return resource.Part{
		Register: func() {
			store.Register(s.store, string(topology.KindZone),
				func(_ proto.Account, z *proto.Zone) any { return zoneSeen{z.Name, z.Hosts} })
		},
		Routes: s.zoneRoutes, Operations: zoneOperations,
	}
}

// zoneRoutes returns the routes of zones. A zone is a namespace of an account. Its applications must lie within its
// host suffixes: see applications.go. Zones of the configuration are read at every start and cannot be changed by
// requests.
func (s *API) zoneRoutes() []v4.Route {
	const all, one = "/client/v4/zones", "/client/v4/zones/{zone_id}"
	return []v4.Route{
		{Method: http.MethodGet, Path: all, Scope: permission.Own, Handle: s.listZones},
		{Method: http.MethodPost, Path: all, Scope: permission.Organization, Handle: s.createZone},
		{Method: http.MethodGet, Path: one, Scope: permission.Own, Handle: s.getZone},
		{Method: http.MethodPut, Path: one, Scope: permission.Organization, Handle: s.changeZone(true)},
		{Method: http.MethodPatch, Path: one, Scope: permission.Organization, Handle: s.changeZone(false)},
		{Method: http.MethodDelete, Path: one, Scope: permission.Organization, Handle: s.deleteZone},
	}
}

// Configured is a zone of the configuration.
type Configured struct {
	ID    proto.Account
	Hosts []string // host suffixes
}

// UnmarshalText parses ID=HOST,HOST.
func (z *Configured) UnmarshalText(b []byte) error {
	id, hosts, _ := strings.Cut(string(b), "=")
	account, err := proto.ParseAccount(id)
	if err != nil || hosts == "" {
		return fmt.Errorf("%q is not a zone and its host suffixes: write ID=HOST,HOST with an id of 32 hex characters",
			v4.Clip(string(b)))
	}
	z.ID, z.Hosts = account, strings.Split(hosts, ",")
	return nil
}

// maxZoneHosts bounds the host suffixes of a zone.
const maxZoneHosts = 100

var errNoZone = v4.Errorf(http.StatusNotFound, v4.CodeNotFound, "there is no such zone")

type zoneView struct {
	ID        proto.Account `json:"id"`
	Name      string        `json:"name"`
	Status    string        `json:"status"`
	Type      string        `json:"type"`
	Paused    bool          `json:"paused"`
	Account   zoneAccount   `json:"account"`
	Hosts     []string      `json:"x_host_suffixes"`
	CreatedOn v4.Timestamp  `json:"created_on"`
	ChangedOn v4.Timestamp  `json:"modified_on"`
	// Configured reports whether the zone comes from the configuration, so that requests cannot change it.
	Configured bool `json:"x_configured,omitempty"`
	// Unreadable reports that the zone's record cannot be read. The other members are the last known values.
	Unreadable bool `json:"x_unreadable,omitempty"`
}

type zoneAccount struct {
	ID   proto.Account `json:"id"`
	Name string        `json:"name"`
}

func (s *API) viewZone(a, id proto.Account, z *proto.Zone) zoneView {
	return zoneView{ID: id, Name: z.Name, Status: "active", Type: "full", Account: zoneAccount{a, s.viewAccount(a).Name},
		Hosts: append([]string{}, z.Hosts...), CreatedOn: v4.Timestamp(z.CreatedAt), ChangedOn: v4.Timestamp(z.UpdatedAt),
		Configured: s.configured(id), Unreadable: s.unreadableZone(a, id)}
}

// zoneSeen is a zone in the audit log. The event has the zone's id.
type zoneSeen struct {
	Name  string   `json:"name"`
	Hosts []string `json:"x_host_suffixes"`
}

// zones returns the configured and the stored zones, by id.
func (s *API) zones(a proto.Account) map[proto.Account]*proto.Zone {
	all := map[proto.Account]*proto.Zone{}
	for id, r := range s.store.Catalog.Zones(a) {
		all[id] = r.Value
	}
	for _, z := range s.cfg.Zones {
		name := z.ID.String()
		if len(z.Hosts) > 0 {
			name = z.Hosts[0]
		}
		all[z.ID] = &proto.Zone{Name: name, Hosts: z.Hosts}
	}
	return all
}

// unreadableZone reports whether the stored record of a zone cannot be read.
func (s *API) unreadableZone(a, id proto.Account) bool {
	r, found := s.store.Catalog.Zone(a, id)
	return found && r.Unreadable && !s.configured(id)
}

// hostsKnown returns an error if the hosts of a zone other than id are unknown, because its record could not be read
// since the api started. Changes that depend on the hosts of all zones are then rejected.
func (s *API) hostsKnown(a, id proto.Account) error {
	for other, r := range s.store.Catalog.Zones(a) {
		if other != id && r.Unreadable && len(r.Value.Hosts) == 0 && !s.configured(other) {
			return v4.Errorf(http.StatusConflict, v4.CodeConflict,
				"access.api.error.conflict: the record of the zone %s cannot be read, so "+
					"its hosts are unknown: write it again (PUT /client/v4/zones/%s), or delete it", other, other)
		}
	}
	return nil
}

// configured reports whether a zone comes from the configuration.
func (s *API) configured(id proto.Account) bool {
	return slices.ContainsFunc(s.cfg.Zones, func(z Configured) bool { return z.ID == id })
}

// Known reports whether requests for a zone are served. If the configuration has zones, only those and the stored
// ones are.
func (s *API) Known(a, zone proto.Account) bool {
	if len(s.cfg.Zones) == 0 || s.configured(zone) {
		return true
	}
	_, stored := s.store.Catalog.Zone(a, zone)
	return stored
}

// seesZone reports whether a token may see a zone: it has a permission in the account or in the zone.
func seesZone(t *proto.APIToken, zone proto.Account) bool {
	return t.All || slices.ContainsFunc(t.Policies,
		func(p proto.TokenPolicy) bool { return !p.Deny && permission.Covers(p.Zones, zone) })
}

func (s *API) listZones(ctx context.Context, c *v4.Call) (v4.Response, error) {
	if err := s.store.Fresh(ctx); err != nil {
		return v4.Response{}, err
	}
	views := []zoneView{}
	for id, z := range s.zones(c.Account) {
		if seesZone(c.Token, id) && hasName(c.URL.Query(), z.Name) {
			views = append(views, s.viewZone(c.Account, id, z))
		}
	}
	slices.SortFunc(views, func(a, b zoneView) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	part, info, err := v4.Page(c.URL.Query(), views)
	if part == nil {
		part = []zoneView{}
	}
	return v4.Response{Result: part, Info: info}, err
}

// zoneID returns the zone that the path names.
func zoneID(c *v4.Call) (proto.Account, error) {
	id, err := proto.ParseAccount(c.PathValue("zone_id"))
	if err != nil || id.IsZero() {
		return id, errNoZone
	}
	return id, nil
}

func (s *API) getZone(ctx context.Context, c *v4.Call) (v4.Response, error) {
	id, err := zoneID(c)
	if err == nil {
		err = s.store.Fresh(ctx)
	}
	if err != nil {
		return v4.Response{}, err
	}
	z, found := s.zones(c.Account)[id]
	if !found || !seesZone(c.Token, id) {
		return v4.Response{}, errNoZone
	}
	return v4.OK(s.viewZone(c.Account, id, z)), nil
}

// readZone reads a zone. Without x_host_suffixes, its name is its only host suffix.
func readZone(body v4.Object, z *proto.Zone) error {
	var err error
	if z.Name, err = body.Line("name"); err != nil {
		return err
	}
	if err := v4.CheckMembers(body,
		map[string]v4.MemberKind{"x_host_suffixes": v4.StringsMember, "account": v4.ObjectMember}); err != nil {
		return err
	}
	hosts := []string{z.Name}
	if body.Has("x_host_suffixes") {
		hosts = v4.Strings(body["x_host_suffixes"])
	}
	if z.Name == "" || len(hosts) == 0 || len(hosts) > maxZoneHosts {
		return v4.Invalid("a zone needs a name, and x_host_suffixes with 1 to %d hosts if the name is not a host",
			maxZoneHosts)
	}
	if z.Hosts, err = Suffixes(hosts); err != nil {
		return v4.Invalid("x_host_suffixes: %v", err)
	}
	return nil
}

// Suffixes returns host suffixes in the form in which destinations are compared.
func Suffixes(hosts []string) ([]string, error) {
	var all []string
	for _, text := range hosts {
		suffix, err := appmatch.Suffix(text)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(all, suffix) {
			all = append(all, suffix)
		}
	}
	return all, nil
}

func (s *API) createZone(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
	}
	return s.saveZone(ctx, c, proto.NewAccount(), body, true)
}

// changeZone writes the zone with the id in the path. If whole is set, it creates or replaces the zone: clients may
// choose the id, because zones were in use before they had hosts. Otherwise it changes the members in the body.
func (s *API) changeZone(whole bool) func(context.Context, *v4.Call) (v4.Response, error) {
	return func(ctx context.Context, c *v4.Call) (v4.Response, error) {
		id, err := zoneID(c)
		if err != nil {
			return v4.Response{}, err
		}
		body, err := c.Object()
		if err != nil {
			return v4.Response{}, err
		}
		return s.saveZone(ctx, c, id, body, whole)
	}
}

func (s *API) saveZone(ctx context.Context, c *v4.Call, id proto.Account, body v4.Object,
	whole bool) (v4.Response, error) {
	for range store.MaxAttempts {
		if err := s.store.Fresh(ctx); err != nil {
			return v4.Response{}, err
		}
		old, found := s.store.Catalog.Zone(c.Account, id)
		switch {
		case s.configured(id):
			return v4.Response{}, v4.Invalid("the zone %s is set by the configuration (--zone): change it there", id)
		case !found && !whole:
			return v4.Response{}, errNoZone
		}
		if err := c.Precondition(old.Revision); err != nil {
			return v4.Response{}, err
		}
		sent := v4.Object{}
		if found && !whole {
			sent.Set("name", old.Value.Name)
			sent.Set("x_host_suffixes", old.Value.Hosts)
		}
		maps.Copy(sent, body)
		now := proto.At(s.store.Clock.Now())
		z := proto.Zone{CreatedAt: now, UpdatedAt: now}
		if found {
			z.CreatedAt = old.Value.CreatedAt
		}
		if err := readZone(sent, &z); err != nil {
			return v4.Response{}, err
		}
		if err := s.hostsFree(c.Account, id, &z); err != nil {
			return v4.Response{}, err
		}
		if found {
			if err := s.hostsUsed(c.Account, id, old, z.Hosts); err != nil {
				return v4.Response{}, err
			}
		}
		revision, err := s.store.Put(ctx, c.Account, topology.KindZone, topology.ZoneID(id), &z, store.PriorOf(old))
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return v4.Response{Result: s.viewZone(c.Account, id, &z), Revision: revision}, err
	}
	return v4.Response{}, v4.ErrConflict
}

func (s *API) deleteZone(ctx context.Context, c *v4.Call) (v4.Response, error) {
	id, err := zoneID(c)
	if err != nil {
		return v4.Response{}, err
	}
	for range store.MaxAttempts {
		if err := s.store.Fresh(ctx); err != nil {
			return v4.Response{}, err
		}
		old, found := s.store.Catalog.Zone(c.Account, id)
		switch {
		case s.configured(id):
			return v4.Response{}, v4.Invalid("the zone %s is set by the configuration (--zone): remove it there", id)
		case !found:
			return v4.Response{}, errNoZone
		}
		if err := c.Precondition(old.Revision); err != nil {
			return v4.Response{}, err
		}
		if err := s.hostsUsed(c.Account, id, old, nil); err != nil {
			return v4.Response{}, err
		}
		err := s.store.Remove(ctx, c.Account, topology.KindZone, topology.ZoneID(id), store.PriorOf(old))
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return v4.OK(struct {
			ID proto.Account `json:"id"`
		}{id}), err
	}
	return v4.Response{}, v4.ErrConflict
}

// hostsFree returns an error if another zone has one of the host suffixes.
func (s *API) hostsFree(a, id proto.Account, z *proto.Zone) error {
	if err := s.hostsKnown(a, id); err != nil {
		return err
	}
	for other, of := range s.zones(a) {
		for _, host := range of.Hosts {
			if other != id && slices.Contains(z.Hosts, host) {
				return v4.Errorf(http.StatusConflict, v4.CodeConflict,
					"access.api.error.conflict: the host suffix %q belongs to the zone %s", host, other)
			}
		}
	}
	return nil
}

// hostsUsed returns an error if an application of the zone lies within the old hosts but not within the new ones.
func (s *API) hostsUsed(a, id proto.Account, old catalog.Record[proto.Zone], hosts []string) error {
	for _, app := range s.index.Account(a).Applications.All() {
		v := app.Value.Value
		if v.Zone == id && within(v.Domains, old.Value.Hosts) && !within(v.Domains, hosts) {
			return v4.Errorf(http.StatusConflict, v4.CodeConflict,
				"access.api.error.conflict: the application %q lies within the zone: move or delete it first", v4.Clip(v.Name))
		}
	}
	return nil
}
