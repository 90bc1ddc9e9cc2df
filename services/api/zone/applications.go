package zone

import (
	"net/url"
	"slices"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/appmatch"
)

// Applications of a zone. A client that may only write in a zone must not get requests of other owners, and the gateway
// routes a request to the most specific destination of any owner. Therefore
//
//   - an application created in a zone must lie within the zone's host suffixes after any change;
//   - a request for a zone cannot take requests from another owner's application with a more specific destination;
//   - a request for a zone can change neither an application that lies outside of the zone, nor its policies.

// errZone returns the error about an application that does not fit its zone.
func errZone(format string, args ...any) error {
	return v4.Invalid("domain does not belong to zone: "+format, args...)
}

// within reports whether each destination lies within one of the host suffixes.
func within(destinations, hosts []string) bool {
	return !slices.ContainsFunc(destinations, func(d string) bool {
		p, err := appmatch.Parse(d)
		return err != nil || longest(p, hosts) < 0
	})
}

// longest returns the length of the longest host suffix that contains a destination, or -1 if there is none.
func longest(p appmatch.Pattern, hosts []string) int {
	found := -1
	for _, h := range hosts {
		if p.Within(h) {
			found = max(found, len(h))
		}
	}
	return found
}

// Check returns an error if an application does not lie within its zone, or if a request for the zone takes requests
// from another owner's application. added are the destinations that it did not have before, in canonical form. Existing
// destinations are not checked when the account changes something else.
func (s *API) Check(c *v4.Call, app *proto.Application, added []string) error {
	if app.Zone.IsZero() {
		return nil
	}
	if len(added) > 0 {
		if err := s.hostsKnown(c.Account, app.Zone); err != nil {
			return err
		}
	}
	zones := s.zones(c.Account)
	for _, d := range app.Domains {
		p, err := appmatch.Parse(d)
		if err != nil {
			continue // already rejected
		}
		isNew := slices.Contains(added, p.String())
		if !isNew && !c.Zoned() {
			continue
		}
		if err := checkPlacement(zones, app.Zone, d, p); err != nil {
			return err
		}
		if !isNew || !c.Zoned() {
			continue
		}
		if err := s.checkOverrides(c, app, d, p); err != nil {
			return err
		}
	}
	return nil
}

// checkPlacement returns an error if a destination does not belong to the zone.
func checkPlacement(zones map[proto.Account]*proto.Zone, zone proto.Account, d string, p appmatch.Pattern) error {
	z := zones[zone]
	if z == nil || len(z.Hosts) == 0 {
		return errZone("the zone %s has no host suffixes: set them with PUT /client/v4/zones/%s or --zone", zone, zone)
	}
	mine := longest(p, z.Hosts)
	if mine < 0 {
		return errZone("%q is not within %s", v4.Clip(d), strings.Join(z.Hosts, ", "))
	}
	for id, other := range zones {
		if id == zone {
			continue
		}
		for _, host := range other.Hosts {
			if len(host) > mine && p.Reaches(host) {
				return errZone("%q reaches into %q, which belongs to another zone", v4.Clip(d), host)
			}
		}
	}
	return nil
}

// checkOverrides returns an error if a destination would take requests from the team domain or from another owner's
// application.
func (s *API) checkOverrides(c *v4.Call, app *proto.Application, d string, p appmatch.Pattern) error {
	if team, err := url.Parse(s.cfg.TeamDomain); err == nil {
		if host, err := appmatch.Suffix(team.Hostname()); err == nil && p.Names(host) {
			return errZone("%q is the team domain", v4.Clip(d))
		}
	}
	for _, other := range s.store.Catalog.AllApplications() {
		if other.Account == c.Account && (other.Value.Zone == app.Zone || other.Value.ID == app.ID) {
			continue
		}
		for _, theirs := range other.Value.Domains {
			if q, err := appmatch.Parse(theirs); err == nil && p.Overrides(q) {
				return errZone("%q takes requests from the destination %q, whose application does not belong to the zone",
					v4.Clip(d), v4.Clip(theirs))
			}
		}
	}
	return nil
}

// MayChange returns an error if a request for a zone changes an application that lies outside of the zone.
func (s *API) MayChange(c *v4.Call, app *proto.Application) error {
	if !c.Zoned() {
		return nil
	}
	zones := s.zones(c.Account)
	for _, d := range app.Domains {
		p, err := appmatch.Parse(d)
		if err != nil {
			continue
		}
		if err := checkPlacement(zones, app.Zone, d, p); err != nil {
			return err
		}
	}
	return nil
}
