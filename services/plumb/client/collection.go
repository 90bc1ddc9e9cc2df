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
	single bool // the account has exactly one
	merges bool
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
	// Revision is what [Collection.Replace] takes; empty where it comes from a list.
	Revision string
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
	if r.single {
		one, err := r.Get(ctx, "")
		return []Item[T]{one}, err
	}
	if !r.paged {
		return decode[[]Item[T]](r.c.call(ctx, http.MethodGet, r.path, nil))
	}
	list := pages[Item[T]]{all: []Item[T]{}}
	for page := 1; page <= maxPages; page++ {
		query := url.Values{"page": {strconv.Itoa(page)}, "per_page": {strconv.Itoa(perPage)}}
		some, err := decode[[]Item[T]](r.c.call(ctx, http.MethodGet, r.path+"?"+query.Encode(), nil))
		if err != nil {
			return nil, err
		}
		if !list.add(some, keyOf[T]) { // api/README.md 1.4: the end is an empty page
			return list.all, nil
		}
	}
	return nil, errEndless(r.path)
}

// Get gives one resource by its id.
func (r Collection[T]) Get(ctx context.Context, id string) (Item[T], error) {
	return item[T](r.c.callIf(ctx, http.MethodGet, r.one(id), "", nil))
}

// Current gives the one resource that has the id or the name, with its revision.
func (r Collection[T]) Current(ctx context.Context, idOrName string) (Item[T], error) {
	if r.single {
		return r.Get(ctx, "")
	}
	found, err := r.Find(ctx, idOrName)
	if err != nil {
		return found, err
	}
	return r.Get(ctx, found.Value.ResourceID())
}

func (r Collection[T]) one(id string) string {
	if r.single {
		return r.path
	}
	return r.path + "/" + url.PathEscape(id)
}

func item[T any](raw json.RawMessage, revision string, err error) (Item[T], error) {
	i, err := decode[Item[T]](raw, err)
	i.Revision = revision
	return i, err
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
		return Item[T]{}, &notFoundError{r.kind, idOrName, ""}
	case 1:
		return found[0], nil
	}
	return Item[T]{}, fmt.Errorf("%d %ss are called %q; use the id of one of them", len(found), r.kind, idOrName)
}

// Create makes a resource.
func (r Collection[T]) Create(ctx context.Context, body any) (Item[T], error) {
	return item[T](r.c.callIf(ctx, http.MethodPost, r.path, "", body))
}

// Update changes a resource, whatever it is by now.
func (r Collection[T]) Update(ctx context.Context, id string, body any) (Item[T], error) {
	return r.Replace(ctx, id, "", body)
}

// Merges tells what [Collection.Replace] makes of what its body leaves out: it stays, and null takes it away.
// Elsewhere it is taken away by being left out.
func (r Collection[T]) Merges() bool { return r.merges }

// Replace changes a resource that is still at the revision that was read, else it is refused. An integration
// and the organisation take what changes, tokens too; the others take all of it.
func (r Collection[T]) Replace(ctx context.Context, id, revision string, body any) (Item[T], error) {
	return item[T](r.c.callIf(ctx, r.update, r.one(id), revision, body))
}

// Delete removes a resource.
func (r Collection[T]) Delete(ctx context.Context, id string) error {
	_, err := r.c.call(ctx, http.MethodDelete, r.one(id), nil)
	return err
}
