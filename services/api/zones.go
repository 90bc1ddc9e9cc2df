package api

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
	"plumbline.dev/services/internal/appmatch"
	"plumbline.dev/services/internal/catalog"
)

// A zone is a namespace of an account. It has host suffixes, and the applications that are made in it lie within
// them: see zone_apps.go. Zones of the configuration are the same at every start, and are not changed here.
func (s *Service) zoneRoutes() []route {
	const all, one = "/client/v4/zones", "/client/v4/zones/{zone_id}"
	return []route{
		{method: http.MethodGet, path: all, of: areaOwn, handle: s.listZones},
		{method: http.MethodPost, path: all, of: areaOrganization, handle: s.createZone},
		{method: http.MethodGet, path: one, of: areaOwn, handle: s.getZone},
		{method: http.MethodPut, path: one, of: areaOrganization, handle: s.putZone},
		{method: http.MethodPatch, path: one, of: areaOrganization, handle: s.patchZone},
		{method: http.MethodDelete, path: one, of: areaOrganization, handle: s.deleteZone},
	}
}

// Zone is a zone of the configuration.
type Zone struct {
	ID    proto.Account
	Hosts []string // host suffixes
}

// UnmarshalText reads ID=HOST,HOST.
func (z *Zone) UnmarshalText(b []byte) error {
	id, hosts, _ := strings.Cut(string(b), "=")
	account, err := proto.ParseAccount(id)
	if err != nil || hosts == "" {
		return fmt.Errorf("%q is not a zone and its host suffixes: write ID=HOST,HOST with an id of 32 hex characters", clip(string(b)))
	}
	z.ID, z.Hosts = account, strings.Split(hosts, ",")
	return nil
}

// maxZoneHosts bounds the host suffixes of a zone.
const maxZoneHosts = 100

var errNoZone = refuse(http.StatusNotFound, codeNotFound, "there is no such zone")

type zoneView struct {
	ID        proto.Account `json:"id"`
	Name      string        `json:"name"`
	Status    string        `json:"status"`
	Type      string        `json:"type"`
	Paused    bool          `json:"paused"`
	Account   zoneAccount   `json:"account"`
	Hosts     []string      `json:"x_host_suffixes"`
	CreatedOn stamp         `json:"created_on"`
	ChangedOn stamp         `json:"modified_on"`
	// Configured reports whether the zone is one of the configuration, which no request changes.
	Configured bool `json:"x_configured,omitempty"`
	// Unreadable reports that the zone's record cannot be read. What is shown is what was last known of it.
	Unreadable bool `json:"x_unreadable,omitempty"`
}

type zoneAccount struct {
	ID   proto.Account `json:"id"`
	Name string        `json:"name"`
}

func (s *Service) viewZone(a, id proto.Account, z *proto.Zone) zoneView {
	return zoneView{ID: id, Name: z.Name, Status: "active", Type: "full", Account: zoneAccount{a, s.viewAccount(a).Name},
		Hosts: append([]string{}, z.Hosts...), CreatedOn: stamp(z.CreatedAt), ChangedOn: stamp(z.UpdatedAt),
		Configured: s.configured(id), Unreadable: s.unreadableZone(a, id)}
}

// zoneSeen is a zone in the audit log, which has its id beside it.
type zoneSeen struct {
	Name  string   `json:"name"`
	Hosts []string `json:"x_host_suffixes"`
}

// zones are those of the configuration and those that are stored, by id.
func (s *Service) zones(a proto.Account) map[proto.Account]*proto.Zone {
	all := map[proto.Account]*proto.Zone{}
	for id, r := range s.catalog.Zones(a) {
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
func (s *Service) unreadableZone(a, id proto.Account) bool {
	r, found := s.catalog.Zone(a, id)
	return found && r.Unreadable && !s.configured(id)
}

// hostsKnown refuses a change that depends on the hosts of all zones if nobody knows those of one beside id: its
// record cannot be read, and could not be since the api started.
func (s *Service) hostsKnown(a, id proto.Account) error {
	for other, r := range s.catalog.Zones(a) {
		if other != id && r.Unreadable && len(r.Value.Hosts) == 0 && !s.configured(other) {
			return refuse(http.StatusConflict, codeConflict, "access.api.error.conflict: the record of the zone %s cannot be read, so that "+
				"nobody knows which hosts are its: write it again (PUT /client/v4/zones/%s), or delete it", other, other)
		}
	}
	return nil
}

// configured reports whether a zone is one of the configuration.
func (s *Service) configured(id proto.Account) bool {
	return slices.ContainsFunc(s.cfg.Zones, func(z Zone) bool { return z.ID == id })
}

// seesZone reports whether a token may know of a zone: it may do something in the account, or there.
func seesZone(t *proto.APIToken, zone proto.Account) bool {
	return t.All || slices.ContainsFunc(t.Policies, func(p proto.TokenPolicy) bool { return !p.Deny && covers(p.Zones, zone) })
}

func (s *Service) listZones(ctx context.Context, c *call) (answer, error) {
	if err := s.fresh(ctx); err != nil {
		return answer{}, err
	}
	views := []zoneView{}
	for id, z := range s.zones(c.account) {
		if seesZone(c.token, id) && hasName(c.URL.Query(), z.Name) {
			views = append(views, s.viewZone(c.account, id, z))
		}
	}
	slices.SortFunc(views, func(a, b zoneView) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	part, info, err := paged(c.URL.Query(), views)
	if part == nil {
		part = []zoneView{}
	}
	return answer{result: part, info: info}, err
}

// zoneID reads the zone that the path names.
func zoneID(c *call) (proto.Account, error) {
	id, err := proto.ParseAccount(c.PathValue("zone_id"))
	if err != nil || id.IsZero() {
		return id, errNoZone
	}
	return id, nil
}

func (s *Service) getZone(ctx context.Context, c *call) (answer, error) {
	id, err := zoneID(c)
	if err == nil {
		err = s.fresh(ctx)
	}
	if err != nil {
		return answer{}, err
	}
	z, found := s.zones(c.account)[id]
	if !found || !seesZone(c.token, id) {
		return answer{}, errNoZone
	}
	return ok(s.viewZone(c.account, id, z)), nil
}

// readZone reads a zone; its name is its one host suffix where it names no others.
func readZone(body object, z *proto.Zone) error {
	var err error
	if z.Name, err = body.line("name"); err != nil {
		return err
	}
	if err := checkMembers(body, map[string]memberKind{"x_host_suffixes": textsMember, "account": objectMember}); err != nil {
		return err
	}
	hosts := []string{z.Name}
	if body.has("x_host_suffixes") {
		hosts = texts(body["x_host_suffixes"])
	}
	if z.Name == "" || len(hosts) == 0 || len(hosts) > maxZoneHosts {
		return invalid("a zone needs a name, and x_host_suffixes of 1 to %d hosts where its name is none", maxZoneHosts)
	}
	if z.Hosts, err = suffixes(hosts); err != nil {
		return invalid("x_host_suffixes: %v", err)
	}
	return nil
}

// suffixes brings host suffixes into the form that destinations are compared with.
func suffixes(hosts []string) ([]string, error) {
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

func (s *Service) createZone(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	return s.saveZone(ctx, c, proto.NewAccount(), body, true)
}

// putZone makes or replaces the zone of an id: zones were used before they had hosts.
func (s *Service) putZone(ctx context.Context, c *call) (answer, error) {
	id, err := zoneID(c)
	if err != nil {
		return answer{}, err
	}
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	return s.saveZone(ctx, c, id, body, true)
}

func (s *Service) patchZone(ctx context.Context, c *call) (answer, error) {
	id, err := zoneID(c)
	if err != nil {
		return answer{}, err
	}
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	return s.saveZone(ctx, c, id, body, false)
}

func (s *Service) saveZone(ctx context.Context, c *call, id proto.Account, body object, whole bool) (answer, error) {
	for range attempts {
		if err := s.fresh(ctx); err != nil {
			return answer{}, err
		}
		old, found := s.catalog.Zone(c.account, id)
		switch {
		case s.configured(id):
			return answer{}, invalid("the zone %s is set by the configuration (--zone): change it there", id)
		case !found && !whole:
			return answer{}, errNoZone
		}
		if err := c.precondition(old.Revision); err != nil {
			return answer{}, err
		}
		sent := object{}
		if found && !whole {
			sent.set("name", old.Value.Name)
			sent.set("x_host_suffixes", old.Value.Hosts)
		}
		maps.Copy(sent, body)
		now := proto.At(s.clock.Now())
		z := proto.Zone{CreatedAt: now, UpdatedAt: now}
		if found {
			z.CreatedAt = old.Value.CreatedAt
		}
		if err := readZone(sent, &z); err != nil {
			return answer{}, err
		}
		if err := s.hostsFree(c.account, id, &z); err != nil {
			return answer{}, err
		}
		if found {
			if err := s.hostsUsed(c.account, id, old, z.Hosts); err != nil {
				return answer{}, err
			}
		}
		revision, err := s.put(ctx, c.account, topology.KindZone, topology.ZoneID(id), &z, old.Revision)
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return answer{result: s.viewZone(c.account, id, &z), revision: revision}, err
	}
	return answer{}, errConflict
}

func (s *Service) deleteZone(ctx context.Context, c *call) (answer, error) {
	id, err := zoneID(c)
	if err != nil {
		return answer{}, err
	}
	for range attempts {
		if err := s.fresh(ctx); err != nil {
			return answer{}, err
		}
		old, found := s.catalog.Zone(c.account, id)
		switch {
		case s.configured(id):
			return answer{}, invalid("the zone %s is set by the configuration (--zone): remove it there", id)
		case !found:
			return answer{}, errNoZone
		}
		if err := c.precondition(old.Revision); err != nil {
			return answer{}, err
		}
		if err := s.hostsUsed(c.account, id, old, nil); err != nil {
			return answer{}, err
		}
		err := s.remove(ctx, c.account, topology.KindZone, topology.ZoneID(id), old.Revision)
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return ok(struct {
			ID proto.Account `json:"id"`
		}{id}), err
	}
	return answer{}, errConflict
}

// hostsFree refuses a host suffix that another zone has.
func (s *Service) hostsFree(a, id proto.Account, z *proto.Zone) error {
	if err := s.hostsKnown(a, id); err != nil {
		return err
	}
	for other, of := range s.zones(a) {
		for _, host := range of.Hosts {
			if other != id && slices.Contains(z.Hosts, host) {
				return refuse(http.StatusConflict, codeConflict, "access.api.error.conflict: the host suffix %q belongs to the zone %s", host, other)
			}
		}
	}
	return nil
}

// hostsUsed refuses to take away the hosts of an application that is in the zone.
func (s *Service) hostsUsed(a, id proto.Account, old catalog.Record[proto.Zone], hosts []string) error {
	for _, app := range s.index.account(a).apps.all() {
		v := app.of.Value
		if v.Zone == id && within(v.Domains, old.Value.Hosts) && !within(v.Domains, hosts) {
			return refuse(http.StatusConflict, codeConflict, "access.api.error.conflict: the application %q lies within the zone: move or delete it first", clip(v.Name))
		}
	}
	return nil
}
