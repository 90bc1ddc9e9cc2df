package catalog

import "plumbline.dev/proto"

// Member looks up a member.
func (c *Catalog) Member(a proto.Account, id proto.ID) (Record[proto.Member], bool) {
	return c.members.Find(a, id)
}

// Members returns the members of an account, sorted by id.
func (c *Catalog) Members(a proto.Account) []Record[proto.Member] {
	return c.members.In(a)
}
