package access

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

// Tags are known by their names, which are in the path of what is asked about one.
func (s *API) tagRoutes() []v4.Route {
	const all, one = v4.AccountPath + "/access/tags", v4.AccountPath + "/access/tags/{name}"
	return []v4.Route{
		{Method: http.MethodGet, Path: all, Scope: permission.Apps, Handle: s.listTags},
		{Method: http.MethodPost, Path: all, Scope: permission.Apps, Handle: s.createTag},
		{Method: http.MethodGet, Path: one, Scope: permission.Apps, Handle: s.getTag},
		{Method: http.MethodPut, Path: one, Scope: permission.Apps, Handle: s.updateTag},
		{Method: http.MethodDelete, Path: one, Scope: permission.Apps, Handle: s.deleteTag},
	}
}

type tagView struct {
	Name         string       `json:"name"`
	Applications int          `json:"app_count"`
	CreatedAt    v4.Timestamp `json:"created_at"`
	UpdatedAt    v4.Timestamp `json:"updated_at"`
}

func (s *API) viewTag(a proto.Account, t *proto.Tag) tagView {
	return tagView{t.Name, s.index.taggedBy(a, t.Name), v4.Timestamp(t.CreatedAt), v4.Timestamp(t.UpdatedAt)}
}

// MaxTag bounds the name of a tag, in bytes.
const MaxTag = 128

// readTag reads the name, which has to be one part of a path.
func readTag(body v4.Object) (string, error) {
	name, err := body.Line("name")
	if err != nil {
		return "", err
	}
	if name == "" || len(name) > MaxTag || strings.ContainsAny(name, "/\\?#%") || name == "." || name == ".." || strings.TrimSpace(name) != name {
		return "", v4.Invalid(`name must be 1 to %d bytes without / \ ? # %% and without blanks at its ends`, MaxTag)
	}
	return name, nil
}

func (s *API) listTags(ctx context.Context, c *v4.Call) (v4.Response, error) {
	if err := s.store.Fresh(ctx); err != nil {
		return v4.Response{}, err
	}
	part, info, err := v4.Page(c.URL.Query(), s.index.account(c.Account).tags.All())
	views := make([]tagView, len(part))
	for n, t := range part {
		views[n] = s.viewTag(c.Account, t.Value.Value)
	}
	return v4.Response{Result: views, Info: info}, err
}

// tag finds the one that the path names.
func (s *API) tag(ctx context.Context, c *v4.Call) (catalog.Record[proto.Tag], error) {
	if err := s.store.Fresh(ctx); err != nil {
		return catalog.Record[proto.Tag]{}, err
	}
	t, found := s.store.Catalog.Tag(c.Account, c.PathValue("name"))
	if !found {
		return t, errNoTag
	}
	return t, c.Precondition(t.Revision)
}

func (s *API) getTag(ctx context.Context, c *v4.Call) (v4.Response, error) {
	t, err := s.tag(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	return v4.Response{Result: s.viewTag(c.Account, t.Value), Revision: t.Revision}, nil
}

func (s *API) createTag(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
	}
	name, err := readTag(body)
	if err != nil {
		return v4.Response{}, err
	}
	now := proto.At(s.store.Clock.Now())
	t := proto.Tag{Name: name, CreatedAt: now, UpdatedAt: now}
	revision, err := s.store.Put(ctx, c.Account, topology.KindTag, topology.TagID(c.Account, name), &t, store.Prior{})
	if errors.Is(err, bus.ErrConflict) {
		return v4.Response{}, errTagThere(name)
	}
	return v4.Response{Status: http.StatusCreated, Result: s.viewTag(c.Account, &t), Revision: revision}, err
}

func errTagThere(name string) error {
	return v4.Errorf(http.StatusConflict, v4.CodeConflict, "access.api.error.conflict: there is a tag %s already", v4.Quote(name))
}

// updateTag renames a tag that no application carries: their lists of tags are theirs to change.
func (s *API) updateTag(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
	}
	old, err := s.tag(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	t := *old.Value
	if t.Name, err = readTag(body); err != nil {
		return v4.Response{}, err
	}
	t.UpdatedAt = proto.At(s.store.Clock.Now())
	if t.Name == old.Value.Name {
		revision, err := s.store.Put(ctx, c.Account, topology.KindTag, topology.TagID(c.Account, t.Name), &t, store.PriorOf(old))
		return v4.Response{Result: s.viewTag(c.Account, &t), Revision: revision}, err
	}
	if err := s.untagged(c.Account, old.Value.Name); err != nil {
		return v4.Response{}, err
	}
	revision, err := s.store.Commit(ctx, c.Account, topology.Config,
		store.ConfigWrite(c.Account, topology.KindTag, topology.TagID(c.Account, old.Value.Name), nil, store.PriorOf(old)),
		store.ConfigWrite(c.Account, topology.KindTag, topology.TagID(c.Account, t.Name), &t, store.Prior{}))
	if errors.Is(err, bus.ErrConflict) {
		if err := s.store.Fresh(ctx); err != nil {
			return v4.Response{}, err
		}
		if _, there := s.store.Catalog.Tag(c.Account, t.Name); there {
			return v4.Response{}, errTagThere(t.Name)
		}
	}
	return v4.Response{Result: s.viewTag(c.Account, &t), Revision: revision}, err
}

// untagged refuses while an application carries the tag.
func (s *API) untagged(a proto.Account, name string) error {
	if s.index.taggedBy(a, name) == 0 {
		return nil
	}
	return resource.InUse("tag", s.applicationsWith(a, func(app *proto.Application) bool {
		return slices.Contains(v4.Strings(v4.Decode(app.Sent)["tags"]), name)
	}))
}

func (s *API) deleteTag(ctx context.Context, c *v4.Call) (v4.Response, error) {
	for range store.MaxAttempts {
		t, err := s.tag(ctx, c)
		if err == nil {
			err = s.untagged(c.Account, t.Value.Name)
		}
		if err != nil {
			return v4.Response{}, err
		}
		err = s.store.Remove(ctx, c.Account, topology.KindTag, topology.TagID(c.Account, t.Value.Name), store.PriorOf(t))
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return v4.Response{Status: http.StatusAccepted, Result: map[string]string{"name": t.Value.Name}}, err
	}
	return v4.Response{}, v4.ErrConflict
}

var errNoTag = v4.Errorf(http.StatusNotFound, v4.CodeNotFound, "access.api.error.not_found")
