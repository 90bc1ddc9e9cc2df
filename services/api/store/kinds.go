package store

import (
	"plumbline.dev/proto"
)

// kind describes a kind of resource: how to create an empty record, and how the audit log shows it.
type kind struct {
	newRecord func() proto.Message
	show      func(proto.Account, proto.Message) any
}

// Register registers a kind of resource with the audit log. Names are those of the keys in CONFIG, service_token,
// api_token and [KindHold]. show returns a record as in API responses, without its secrets. Kinds must be registered
// before the store is used.
func Register[T any, M interface {
	*T
	proto.Message
}](s *Store, name string, show func(proto.Account, M) any) {
	s.kinds[name] = kind{
		newRecord: func() proto.Message { return M(new(T)) },
		show:      func(a proto.Account, m proto.Message) any { return show(a, m.(M)) },
	}
}

// recordOf returns an empty record for a key of a bucket, or nil if the audit log does not show the key.
func (s *Store) recordOf(bucket, key string) proto.Message {
	k, known := s.kinds[kindOf(bucket, key)]
	if !known {
		return nil
	}
	return k.newRecord()
}

// show returns a record as in API responses, or nil if there is none.
func (s *Store) show(a proto.Account, name string, m proto.Message) any {
	k, known := s.kinds[name]
	if m == nil || !known {
		return nil
	}
	return k.show(a, m)
}
