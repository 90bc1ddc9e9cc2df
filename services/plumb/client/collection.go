package client

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
)

// Collection is the endpoint of one kind of resource.
type Collection[T Named] struct {
	c      *Client
	traits Traits
	filter url.Values // further parameters of a list
	query  url.Values // of a replacement
}

// Named is a resource with an id and a name.
type Named interface {
	ResourceID() string
	ResourceName() string
}

// Item is a resource: its decoded value, and the JSON of the response, which it is marshalled to.
type Item[T any] struct {
	Value T
	Raw   json.RawMessage
	// Revision is the argument of [Collection.Replace]. It is empty for an item of a list.
	Revision string
}

// UnmarshalJSON decodes the value and keeps the JSON.
func (i *Item[T]) UnmarshalJSON(data []byte) error {
	i.Raw = append(i.Raw[:0], data...)
	return json.Unmarshal(data, &i.Value)
}

// MarshalJSON returns the JSON of the response.
func (i Item[T]) MarshalJSON() ([]byte, error) { return i.Raw, nil }

// Kind returns the name of the kind in messages, such as "service token".
func (r Collection[T]) Kind() string { return r.traits.Label }

// perPage is large enough for most lists to be one request.
const perPage = 500

// List returns every resource of the kind.
func (r Collection[T]) List(ctx context.Context) ([]Item[T], error) {
	if r.traits.Single {
		one, err := r.Get(ctx, "")
		return []Item[T]{one}, err
	}
	if !r.traits.paged {
		return decode[[]Item[T]](r.c.call(ctx, http.MethodGet, r.traits.Path, nil))
	}
	list := pages[Item[T]]{all: []Item[T]{}}
	for page := 1; page <= maxPages; page++ {
		query := url.Values{"page": {strconv.Itoa(page)}, "per_page": {strconv.Itoa(perPage)}}
		maps.Copy(query, r.filter)
		some, err := decode[[]Item[T]](r.c.call(ctx, http.MethodGet, r.traits.Path+"?"+query.Encode(), nil))
		if err != nil {
			return nil, err
		}
		if !list.add(some, keyOf[T]) { // a list ends with an empty page
			return list.all, nil
		}
	}
	return nil, errEndless(r.traits.Path)
}

// Get returns one resource by its id.
func (r Collection[T]) Get(ctx context.Context, id string) (Item[T], error) {
	return item[T](r.c.callIf(ctx, http.MethodGet, r.one(id), "", nil))
}

// Current returns the one resource with an id or a name, and its revision.
func (r Collection[T]) Current(ctx context.Context, idOrName string) (Item[T], error) {
	if r.traits.Single {
		return r.Get(ctx, "")
	}
	found, err := r.Find(ctx, idOrName)
	if err != nil {
		return found, err
	}
	return r.Get(ctx, found.Value.ResourceID())
}

func (r Collection[T]) one(id string) string {
	if r.traits.Single {
		return r.traits.Path
	}
	return r.traits.Path + "/" + url.PathEscape(id)
}

func item[T any](raw json.RawMessage, revision string, err error) (Item[T], error) {
	i, err := decode[Item[T]](raw, err)
	i.Revision = revision
	return i, err
}

// Find returns the one resource with an id or a name.
func (r Collection[T]) Find(ctx context.Context, idOrName string) (Item[T], error) {
	all, err := r.List(ctx)
	if err != nil {
		return Item[T]{}, err
	}
	return r.pick(all, idOrName)
}

// pick returns the one of several resources that has an id or a name.
func (r Collection[T]) pick(all []Item[T], idOrName string) (Item[T], error) {
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
		return Item[T]{}, &notFoundError{r.traits.Label, idOrName, ""}
	case 1:
		return found[0], nil
	}
	return Item[T]{}, fmt.Errorf("%d %ss have the name %q: use an id", len(found), r.traits.Label, idOrName)
}

// Create creates a resource.
func (r Collection[T]) Create(ctx context.Context, body any) (Item[T], error) {
	return item[T](r.c.callIf(ctx, http.MethodPost, r.traits.Path, "", body))
}

// Update changes a resource, whatever its revision.
func (r Collection[T]) Update(ctx context.Context, id string, body any) (Item[T], error) {
	return r.Replace(ctx, id, "", body)
}

// Merges reports whether [Collection.Replace] keeps members that the body leaves out and removes those that are null.
// For other kinds, it removes members that the body leaves out.
func (r Collection[T]) Merges() bool { return r.traits.Merges }

// Replace changes a resource if it has the revision. Otherwise it returns an error.
func (r Collection[T]) Replace(ctx context.Context, id, revision string, body any) (Item[T], error) {
	path := r.one(id)
	if len(r.query) > 0 {
		path += "?" + r.query.Encode()
	}
	return item[T](r.c.callIf(ctx, r.traits.update, path, revision, body))
}

// WithQuery returns the same endpoint with a query for [Collection.Replace].
func (r Collection[T]) WithQuery(q url.Values) Collection[T] {
	r.query = q
	return r
}

// Delete removes a resource.
func (r Collection[T]) Delete(ctx context.Context, id string) error {
	_, err := r.c.call(ctx, http.MethodDelete, r.one(id), nil)
	return err
}
