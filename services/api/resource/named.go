package resource

import (
	"context"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

// InScope refuses what [Find] found where it was made in another zone than the request is for.
func InScope[T any](c *v4.Call, missing *v4.Error, zone func(*T) proto.Account) func(catalog.Record[T], error) (catalog.Record[T], error) {
	return func(r catalog.Record[T], err error) (catalog.Record[T], error) {
		if err == nil && !c.Sees(zone(r.Value)) {
			return catalog.Record[T]{}, missing
		}
		return r, err
	}
}

// Find finds the resource that the path names, as the newest write left it, or says that it is missing. A
// request that is conditional on a revision is refused where the resource has another.
func Find[T any](ctx context.Context, fresh func(context.Context) error, c *v4.Call, find func(proto.Account, proto.ID) (catalog.Record[T], bool), missing *v4.Error) (catalog.Record[T], error) {
	id, err := c.ID("id", missing)
	if err == nil {
		err = fresh(ctx)
	}
	if err != nil {
		return catalog.Record[T]{}, err
	}
	r, found := find(c.Account, id)
	if !found {
		return r, missing
	}
	return r, c.Precondition(r.Revision)
}
