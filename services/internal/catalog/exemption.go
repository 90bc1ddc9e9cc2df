package catalog

import (
	"plumbline.dev/proto"
)

// Exemption looks up an exemption.
func (c *Catalog) Exemption(a proto.Account, id proto.ID) (Record[proto.Exemption], bool) {
	return c.exemptions.Find(a, id)
}

// Exemptions returns the exemptions of an account, sorted by id.
func (c *Catalog) Exemptions(a proto.Account) []Record[proto.Exemption] {
	return c.exemptions.In(a)
}

// AllExemptions returns the exemptions of every account, sorted by account and id.
func (c *Catalog) AllExemptions() []Record[proto.Exemption] {
	return c.exemptions.All()
}

// ExemptionsByDevice returns the first [proto.MaxExemptions] exemptions of an account by device, those of a device
// sorted by id. The map is shared and must not be modified; it is nil without exemptions.
func (c *Catalog) ExemptionsByDevice(a proto.Account) map[proto.ID][]Record[proto.Exemption] {
	c.mu.RLock()
	known, ok := c.exempt[a]
	c.mu.RUnlock()
	if ok {
		return known
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	all := c.exemptions.sorted(func(r Record[proto.Exemption]) bool { return r.Account == a })
	var byDevice map[proto.ID][]Record[proto.Exemption]
	if len(all) > 0 {
		byDevice = map[proto.ID][]Record[proto.Exemption]{}
	}
	for _, r := range all[:min(len(all), proto.MaxExemptions)] {
		byDevice[r.Value.Device] = append(byDevice[r.Value.Device], r)
	}
	c.exempt[a] = byDevice
	return byDevice
}
