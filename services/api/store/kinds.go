package store

import (
	"plumbline.dev/proto"
)

// kind describes a kind of resource: how to create an empty record, and how the audit log shows it.
type kind struct {
	newRecord func() proto.Message
	show      func(proto.Account, proto.Message) any
}

// Register registers a kind of resource with the audit log. Names are those of the keys in CONFIG, and service_token
// and api_token. show returns a record as in API responses, without its secrets. Kinds must be registered before the
// store is used.
func Register[T any, M interface {
	*T
	proto.Message
}](s *Store, name string, show func(proto.Account, M) any) {
	s.kinds[name] = kind{
		newRecord: func() proto.Message { return M(new(T)) },
		show:      func(a proto.Account, m proto.Message) any { return show(a, m.(M)) },
	}
}

// recordOf returns an empty record for a key; nil if the audit log does not show the key.
func (s *Store) recordOf(key string) proto.Message {
	k, known := s.kinds[kindOf(key)]
	if !known {
		return nil
	}
	return k.newRecord()
}

// show returns a record as in API responses; nil if there is none.
func (s *Store) show(a proto.Account, name string, m proto.Message) any {
	k, known := s.kinds[name]
	if m == nil || !known {
		return nil
	}
	return k.show(a, m)
}
