package catalog

import (
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Revocation looks up a revocation of sessions by its id.
func (c *Catalog) Revocation(a proto.Account, id proto.ID) (Record[proto.Revocation], bool) {
	return c.revocations.Find(a, id)
}

// Revoked reports whether a revocation has ended a session of an account. An unreadable revocation ends every session
// of its person, because the time that it names is unknown.
func (c *Catalog) Revoked(a proto.Account, s *proto.Session) bool {
	c.mu.RLock()
	none := len(c.revocations.rows) == 0
	c.mu.RUnlock()
	if none {
		return false
	}
	if s.Email != "" && c.revokedBy(a, topology.EmailRevocationID(a, s.Email), s) {
		return true
	}
	return !s.User.IsZero() && c.revokedBy(a, topology.UserRevocationID(a, s.User), s)
}

func (c *Catalog) revokedBy(a proto.Account, id proto.ID, s *proto.Session) bool {
	r, found := c.revocations.Find(a, id)
	return found && (r.Unreadable || r.Value.Ends(s.StartedAt))
}

// keepRevocation keeps a revocation with an unreadable revision, so that its person is denied until it is repaired. The
// lock must be held.
func (c *Catalog) keepRevocation(k key, revision uint64) *proto.Revocation {
	r := &proto.Revocation{ID: k.id}
	c.revocations.rows[k] = Record[proto.Revocation]{Account: k.account, Revision: revision, Value: r, Unreadable: true}
	return r
}
