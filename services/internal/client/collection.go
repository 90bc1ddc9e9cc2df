package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// Collection is the endpoint of one kind of resource.
type Collection[T Named] struct {
	c      *Client
	kind   string // as people say it
	path   string
	update string // method
	paged  bool
}

// Named is a resource that people know by its name.
type Named interface {
	ResourceID() string
	ResourceName() string
}

// Item is a resource: what the commands act on, and all that the control plane said, which is what it is
// in JSON.
type Item[T any] struct {
	Value T
	Raw   json.RawMessage
}

// UnmarshalJSON keeps what it reads.
func (i *Item[T]) UnmarshalJSON(data []byte) error {
	i.Raw = append(i.Raw[:0], data...)
	return json.Unmarshal(data, &i.Value)
}

// MarshalJSON gives what was read.
func (i Item[T]) MarshalJSON() ([]byte, error) { return i.Raw, nil }

// perPage is large, so that a list is mostly one request.
const perPage = 500

// List gives every resource of the kind.
func (r Collection[T]) List(ctx context.Context) ([]Item[T], error) {
	if !r.paged {
		return decode[[]Item[T]](r.c.call(ctx, http.MethodGet, r.path, nil))
	}
	all := []Item[T]{}
	for page := 1; ; page++ {
		query := url.Values{"page": {strconv.Itoa(page)}, "per_page": {strconv.Itoa(perPage)}}
		some, err := decode[[]Item[T]](r.c.call(ctx, http.MethodGet, r.path+"?"+query.Encode(), nil))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		if len(some) == 0 { // contract.md 1.4: the end is an empty page
			return all, nil
		}
	}
}

// Get gives one resource by its id.
func (r Collection[T]) Get(ctx context.Context, id string) (Item[T], error) {
	return decode[Item[T]](r.c.call(ctx, http.MethodGet, r.path+"/"+url.PathEscape(id), nil))
}

// Find gives the one resource that has the id or the name.
func (r Collection[T]) Find(ctx context.Context, idOrName string) (Item[T], error) {
	all, err := r.List(ctx)
	if err != nil {
		return Item[T]{}, err
	}
	var found []Item[T]
	for _, i := range all {
		if i.Value.ResourceID() == idOrName {
			return i, nil
		}
		if i.Value.ResourceName() == idOrName {
			found = append(found, i)
		}
	}
	switch len(found) {
	case 0:
		return Item[T]{}, &notFoundError{r.kind, idOrName}
	case 1:
		return found[0], nil
	}
	return Item[T]{}, fmt.Errorf("%d %ss are called %q; use the id of one of them", len(found), r.kind, idOrName)
}

// Create makes a resource.
func (r Collection[T]) Create(ctx context.Context, body any) (Item[T], error) {
	return decode[Item[T]](r.c.call(ctx, http.MethodPost, r.path, body))
}

// Update changes a resource: an integration takes what changes, the others take all of it.
func (r Collection[T]) Update(ctx context.Context, id string, body any) (Item[T], error) {
	return decode[Item[T]](r.c.call(ctx, r.update, r.path+"/"+url.PathEscape(id), body))
}

// Delete removes a resource.
func (r Collection[T]) Delete(ctx context.Context, id string) error {
	_, err := r.c.call(ctx, http.MethodDelete, r.path+"/"+url.PathEscape(id), nil)
	return err
}
