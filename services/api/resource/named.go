package resource

import (
	"context"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

// InScope returns a function that passes on the result of [Find], but returns missing if the request is for another
// zone.
func InScope[T any](c *v4.Call, missing *v4.Error,
	zone func(*T) proto.Account) func(catalog.Record[T], error) (catalog.Record[T], error) {
	return func(r catalog.Record[T], err error) (catalog.Record[T], error) {
		if err == nil && !c.Sees(zone(r.Value)) {
			return catalog.Record[T]{}, missing
		}
		return r, err
	}
}

// Find returns the resource that the path names, including the newest acknowledged write; missing if there is none. It
// returns an error if the revision does not match If-Match.
func Find[T any](ctx context.Context, fresh func(context.Context) error, c *v4.Call,
	find func(proto.Account, proto.ID) (catalog.Record[T], bool), missing *v4.Error) (catalog.Record[T], error) {
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
