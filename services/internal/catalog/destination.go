package catalog

import "plumbline.dev/proto"

// Destination looks up a destination.
func (c *Catalog) Destination(a proto.Account, id proto.ID) (Record[proto.Destination], bool) {
	return c.destinations.Find(a, id)
}

// DestinationsOf returns the destinations of an account, sorted by id.
func (c *Catalog) DestinationsOf(a proto.Account) []Record[proto.Destination] {
	return c.destinations.In(a)
}

// AllDestinations returns the destinations of every account, sorted by account and id.
func (c *Catalog) AllDestinations() []Record[proto.Destination] {
	return c.destinations.All()
}
