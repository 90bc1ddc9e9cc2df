package resource

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/internal/catalog"
)

func (k *Kind[T, M]) find(a proto.Account, name string) (catalog.Record[T], bool) {
	if k.Find != nil {
		return k.Find(a, name)
	}
	return ByID(k.Records.Find)(a, name)
}

func (k *Kind[T, M]) items(a proto.Account) []*store.Item[catalog.Record[T]] {
	if k.Items != nil {
		return k.Items(a)
	}
	return store.ByAge(k.Records.In(a), func(r catalog.Record[T]) (proto.ID, proto.Millis) {
		meta := k.Meta(a, r.Value)
		return meta.ID, meta.Created
	})
}

func (k *Kind[T, M]) basis(r catalog.Record[T]) store.Basis {
	if k.Basis != nil {
		return k.Basis(r)
	}
	return store.Basis{}
}

func (k *Kind[T, M]) unused(a proto.Account, t *T) error {
	if k.Unused != nil {
		return k.Unused(a, t)
	}
	return nil
}
