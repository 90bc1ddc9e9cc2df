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

// Kind is a kind of resource. Files of plumb apply contain the kind by this name.
type Kind string

// The kinds.
const (
	KindIntegration      Kind = "integration"
	KindCheck            Kind = "check"
	KindServiceToken     Kind = "service_token"
	KindIdentityProvider Kind = "identity_provider"
	KindGroup            Kind = "group"
	KindPolicy           Kind = "policy"
	KindTag              Kind = "tag"
	KindZone             Kind = "zone"
	KindApplication      Kind = "application"
	KindOrganization     Kind = "organization"
	KindAPIToken         Kind = "api_token"
)

// endpoint describes the HTTP endpoint of a kind.
type endpoint struct {
	path, update  string
	paged, single bool
	merges        bool   // an update keeps members that it leaves out; null removes a member
	kind          string // name in messages
}

var endpoints = map[Kind]endpoint{
	KindIntegration:      {path: "/devices/posture/integration", update: http.MethodPatch, merges: true, kind: "integration"},
	KindCheck:            {path: "/devices/posture", update: http.MethodPut, kind: "check"},
	KindServiceToken:     {path: "/access/service_tokens", update: http.MethodPut, paged: true, merges: true, kind: "service token"},
	KindIdentityProvider: {path: "/access/identity_providers", update: http.MethodPut, paged: true, kind: "identity provider"},
	KindGroup:            {path: "/access/groups", update: http.MethodPut, paged: true, kind: "group"},
	KindPolicy:           {path: "/access/policies", update: http.MethodPut, paged: true, kind: "policy"},
	KindTag:              {path: "/access/tags", update: http.MethodPut, paged: true, kind: "tag"},
	KindZone:             {path: zonesPath, update: http.MethodPatch, paged: true, merges: true, kind: "zone"},
	KindApplication:      {path: "/access/apps", update: http.MethodPut, paged: true, kind: "application"},
	KindOrganization:     {path: "/access/organizations", update: http.MethodPatch, single: true, merges: true, kind: "organization"},
	KindMember:           {path: "/members", update: http.MethodPut, paged: true, kind: "member"},
	KindAPIToken:         {path: "/tokens", update: http.MethodPut, paged: true, merges: true, kind: "API token"},
}

func collection[T Named](c *Client, k Kind) Collection[T] {
	e := endpoints[k]
	return Collection[T]{c: c, kind: e.kind, path: e.path, update: e.update, paged: e.paged, single: e.single,
		merges: e.merges}
}

// Objects returns the endpoint of a kind, with untyped resources. It panics for an unknown kind.
func (c *Client) Objects(k Kind) Collection[Object] { return collection[Object](c, k) }

// Read returns a response that is not a resource. path is relative to the account.
func (c *Client) Read(ctx context.Context, path string) (json.RawMessage, error) {
	return c.call(ctx, http.MethodGet, path, nil)
}
