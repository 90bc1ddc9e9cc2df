package catalog

import "plumbline.dev/proto"

// Member looks up a member.
func (c *Catalog) Member(a proto.Account, id proto.ID) (Record[proto.Member], bool) {
	return find(c, c.members, a, id)
}

// Members returns the members of an account, sorted by id.
func (c *Catalog) Members(a proto.Account) []Record[proto.Member] {
	return list(c, c.members, func(r Record[proto.Member]) bool { return r.Account == a },
		func(v *proto.Member) proto.ID { return v.ID })
}
