package apitoken

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
)

// readResources reads the resources of a policy: the whole account, or some of its zones. The zero account stands for
// all zones. There are two forms: {"...account.<id>": "*"}, and nested for zones, {"...account.<id>":
// {"...account.zone.*": "*"}}.
func readResources(a proto.Account, resources v4.Object) (whole bool, zones []proto.Account, err error) {
	for name, value := range resources {
		var inner map[string]string
		var all string
		isZone := strings.HasPrefix(name, zoneResource)
		switch {
		case json.Unmarshal(value, &all) == nil && all == "*":
		case !isZone && json.Unmarshal(value, &inner) == nil && len(inner) > 0:
		default:
			return false, nil, fmt.Errorf("%s must be \"*\"", v4.Quote(name))
		}
		if isZone {
			inner = map[string]string{name: "*"}
		} else if id, ok := strings.CutPrefix(name, accountResource); !ok || id != "*" && id != a.String() {
			return false, nil, fmt.Errorf("%s is neither this account nor a zone of it", v4.Quote(name))
		}
		whole = whole || inner == nil
		for zone, value := range inner {
			id, ok := strings.CutPrefix(zone, zoneResource)
			if !ok || value != "*" {
				return false, nil, fmt.Errorf("%s must name a zone, with the value \"*\"", v4.Quote(zone))
			}
			var parsed proto.Account
			if id != "*" {
				if parsed, err = proto.ParseAccount(id); err != nil || parsed.IsZero() {
					return false, nil, fmt.Errorf("%s is not a zone", v4.Quote(zone))
				}
			}
			if zones = append(zones, parsed); len(zones) > maxTokenListed {
				return false, nil, errors.New("too many zones")
			}
		}
	}
	if whole {
		zones = nil
	}
	return whole, zones, nil
}

// everyZone is a zone that no policy names: a token's permissions in it are its permissions in every zone.
var everyZone = proto.NewAccount()

// MayGive returns an error if token t could do more than token by: have more permissions, last longer, or be used from
// other addresses.
func MayGive(by, t *proto.APIToken) error {
	if t.All && !by.All {
		return cannotGive("everything")
	}
	for _, p := range t.Policies {
		if p.Deny {
			continue
		}
		zones := []proto.Account{{}}
		if len(p.Zones) > 0 {
			zones = slices.Clone(p.Zones)
		}
		for n, zone := range p.Zones {
			if zone.IsZero() {
				zones[n] = everyZone
			}
		}
		for _, id := range p.Groups {
			g, _ := permission.Find(id)
			for _, n := range []v4.Permission{g.Permission, {Scope: g.Scope, Edit: false}} { // edit permission includes read
				for _, zone := range zones {
					if permission.Permits(t, n, zone) && !permission.Permits(by, n, zone) {
						return cannotGive(v4.Quote(g.Name))
					}
				}
			}
		}
	}
	switch {
	case by.ExpiresAt != 0 && (t.ExpiresAt == 0 || t.ExpiresAt > by.ExpiresAt):
		return cannotGive("a longer lifetime than its own (expires_on)")
	case !noWider(t.AllowFrom, by.AllowFrom), !allWithin(by.DenyFrom, t.DenyFrom):
		return cannotGive("use from more addresses than its own (condition)")
	}
	return nil
}

// mayName returns an error if a caller without all permissions would give or get a token with the e-mail address of
// somebody else: the audit log names whoever uses it by that address.
func mayName(by *proto.APIToken, email string) error {
	if email == "" || by.All || email == by.Email {
		return nil
	}
	return v4.Errorf(http.StatusForbidden, v4.CodeUnauthorized,
		"Unauthorized to access requested resource: only a caller with all permissions may handle an API token with the "+
			"e-mail address of somebody else (x_email): %s", v4.Quote(email))
}

func cannotGive(what string) error {
	return v4.Errorf(http.StatusForbidden, v4.CodeUnauthorized,
		"Unauthorized to access requested resource: an API token cannot grant permissions it does not have: %s", what)
}

// noWider reports whether the allowed ranges of list include nothing outside those of than. An empty list allows
// everything.
func noWider(list, than []string) bool {
	return len(than) == 0 || len(list) > 0 && allWithin(list, than)
}

// allWithin reports whether each range of list lies within one of within.
func allWithin(list, within []string) bool {
	return !slices.ContainsFunc(list, func(text string) bool {
		p, err := netip.ParsePrefix(text)
		return err != nil || !slices.ContainsFunc(within, func(text string) bool {
			w, err := netip.ParsePrefix(text)
			return err == nil && w.Bits() <= p.Bits() && w.Contains(p.Addr())
		})
	})
}
