package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/http"
)

// Object is a resource of any kind with all its members. Numbers are json.Number.
type Object map[string]any

// UnmarshalJSON decodes an object and keeps the digits of numbers.
func (o *Object) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode((*map[string]any)(o))
}

func (o Object) text(name string) string {
	s, _ := o[name].(string)
	return s
}

// ResourceID returns the id. The id of a tag is its name.
func (o Object) ResourceID() string {
	if id := o.text("id"); id != "" {
		return id
	}
	return o.text("name")
}

// ResourceName returns the name, or the e-mail address of a member, who has no name.
func (o Object) ResourceName() string { return cmp.Or(o.text("name"), o.text("email")) }

func collection[T Named](c *Client, k Kind) Collection[T] {
	return Collection[T]{c: c, traits: k.Traits()}
}

// Objects returns the endpoint of a kind, with untyped resources.
func (c *Client) Objects(k Kind) Collection[Object] { return collection[Object](c, k) }

// Read returns a response that is not a resource. path is relative to the account.
func (c *Client) Read(ctx context.Context, path string) (json.RawMessage, error) {
	return c.call(ctx, http.MethodGet, path, nil)
}
