// Package settings reads the part of the configuration that the fold uses from the config cache. The evaluator decides
// by it, and the API tries changes by it.
package settings

import (
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
	"plumbline.dev/services/internal/catalog"
)

// Of returns an integration's configuration at one revision. ok is false if the cache changed during the call: then the
// caller tries again.
func Of(c *catalog.Catalog, a proto.Account, integration proto.ID) (config fold.Config, ok bool) {
	config.Revision = c.Revision()
	_, config.Exists = c.Integration(a, integration)
	records := c.Checks(a, integration)
	config.Checks = make([]fold.Check, len(records))
	for i, r := range records {
		config.Checks[i] = fold.Check{Revision: r.Revision, Check: r.Value}
	}
	config.Organization = c.Organization(a).Value
	exempt(&config, c.ExemptionsByDevice(a))
	return config, c.Revision() == config.Revision
}

// exempt sets the lookups of exemptions if the account has any.
func exempt(config *fold.Config, all map[proto.ID][]catalog.Record[proto.Exemption]) {
	if len(all) == 0 {
		return
	}
	config.Exempt = func(device proto.ID) (of []fold.Exemption) {
		for _, r := range all[device] {
			of = append(of, fold.Exemption{Revision: r.Revision, Exemption: r.Value})
		}
		return of
	}
	// This is the map at the configuration's revision. The catalog may be newer.
	config.HasExemption = func(id proto.ID) bool {
		for _, of := range all {
			if slices.ContainsFunc(of, func(r catalog.Record[proto.Exemption]) bool { return r.Value.ID == id }) {
				return true
			}
		}
		return false
	}
}
