// Package settings reads the part of the configuration that the fold uses from the config cache. The evaluator decides
// by it, and the API tries changes by it.
package settings

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
	"plumbline.dev/services/internal/catalog"
)

// Of returns an integration's configuration as of one revision. ok is false if the cache changed meanwhile: the caller
// tries again.
func Of(c *catalog.Catalog, a proto.Account, integration proto.ID) (config fold.Config, ok bool) {
	config.Revision = c.Revision()
	_, config.Exists = c.Integration(a, integration)
	records := c.Checks(a, integration)
	config.Checks = make([]fold.Check, len(records))
	for i, r := range records {
		config.Checks[i] = fold.Check{Revision: r.Revision, Check: r.Value}
	}
	config.Organization = Organization(c, a)
	config.Exempt = exempt(c.ExemptionsByDevice(a))
	return config, c.Revision() == config.Revision
}

// exempt returns a lookup of exemptions; nil if there are none.
func exempt(all map[proto.ID][]catalog.Record[proto.Exemption]) func(proto.ID) []fold.Exemption {
	if len(all) == 0 {
		return nil
	}
	return func(device proto.ID) (of []fold.Exemption) {
		for _, r := range all[device] {
			of = append(of, fold.Exemption{Revision: r.Revision, Exemption: r.Value})
		}
		return of
	}
}

// Organization returns an account's organization. If it has no settings for breakers, they are off: nobody could release
// a hold yet.
func Organization(c *catalog.Catalog, a proto.Account) *proto.Organization {
	o := c.Organization(a).Value
	if o.Breaker != nil {
		return o
	}
	off := *o
	off.Breaker = &proto.Breaker{Off: true}
	return &off
}
