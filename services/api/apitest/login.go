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
