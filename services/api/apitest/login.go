package apitest

import (
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// StoreLogin stores a login as a gateway does. It sets the user of the session, and returns the user.
func (f *Fixture) StoreLogin(s *proto.Session) *proto.User {
	f.T.Helper()
	s.User = proto.DeriveID(f.Account, strings.ToLower(s.Email))
	u := &proto.User{ID: s.User, Email: s.Email, Name: s.Name, CreatedAt: s.StartedAt, LastSeenAt: s.StartedAt, Last: *s}
	records := map[string]proto.Message{
		topology.SessionKey(f.Account, s.Nonce): s,
		topology.UserKey(f.Account, s.User):     u,
	}
	for key, m := range records {
		put := bus.Outgoing{Subject: topology.BucketSubject(topology.Sessions, key), Body: m}
		if _, err := f.Conn.Publish(f.T.Context(), put); err != nil {
			f.T.Fatal(err)
		}
	}
	return u
}

// StoreLogins stores the users of many logins, without their sessions.
func (f *Fixture) StoreLogins(all []*proto.Session) {
	f.T.Helper()
	var batch []bus.Outgoing
	for n, s := range all {
		s.User = proto.DeriveID(f.Account, strings.ToLower(s.Email))
		u := &proto.User{ID: s.User, Email: s.Email, Name: s.Name, CreatedAt: s.StartedAt, LastSeenAt: s.StartedAt, Last: *s}
		key := topology.UserKey(f.Account, s.User)
		batch = append(batch, bus.Outgoing{Subject: topology.BucketSubject(topology.Sessions, key), Body: u})
		if len(batch) < 500 && n < len(all)-1 {
			continue
		}
		for _, err := range f.Conn.PublishAll(f.T.Context(), batch) {
			if err != nil {
				f.T.Fatal(err)
			}
		}
		batch = nil
	}
}

// StoreUnreadableUser replaces the record of a user with one that cannot be decoded.
func (f *Fixture) StoreUnreadableUser(id proto.ID) {
	f.T.Helper()
	subject := topology.BucketSubject(topology.Sessions, topology.UserKey(f.Account, id))
	if _, err := f.Conn.JetStream().Publish(f.T.Context(), subject, []byte{0xc1}); err != nil {
		f.T.Fatal(err)
	}
}
