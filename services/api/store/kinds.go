package store

import (
	"plumbline.dev/proto"
)

// kind is what the store knows of a kind of resource: how to make an empty record, and what the audit log shows of one.
type kind struct {
	newRecord func() proto.Message
	show      func(proto.Account, proto.Message) any
}

// Register names a kind of resource for the audit log. The names are those of the keys in CONFIG, and service_token
// and api_token. show returns a record as the API shows it, without its secrets. Kinds are registered before the store
// is used.
func Register[T any, M interface {
	*T
	proto.Message
}](s *Store, name string, show func(proto.Account, M) any) {
	s.kinds[name] = kind{
		newRecord: func() proto.Message { return M(new(T)) },
		show:      func(a proto.Account, m proto.Message) any { return show(a, m.(M)) },
	}
}

// recordOf returns an empty record for what a key holds; nil if the audit log does not show it.
func (s *Store) recordOf(key string) proto.Message {
	k, known := s.kinds[kindOf(key)]
	if !known {
		return nil
	}
	return k.newRecord()
}

// show returns a record as the API shows it; nil if there is none.
func (s *Store) show(a proto.Account, name string, m proto.Message) any {
	k, known := s.kinds[name]
	if m == nil || !known {
		return nil
	}
	return k.show(a, m)
}
