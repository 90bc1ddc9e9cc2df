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
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

// newTags returns the kind of tags. Tags are identified by name in the path.
func (s *API) newTags() *resource.Kind[proto.Tag, *proto.Tag] {
	return &resource.Kind[proto.Tag, *proto.Tag]{
		Store: s.store, Name: "tag", Kind: topology.KindTag, Path: "/access/tags", Param: "name", Scope: permission.Apps,
		NotFound: errNoTag,
		Find:     s.store.Catalog.Tag,
		Items:    func(a proto.Account) []*store.Item[catalog.Record[proto.Tag]] { return s.index.Account(a).Tags.All() },
		Meta:     func(a proto.Account, t *proto.Tag) resource.Meta { return resource.Meta{ID: topology.TagID(a, t.Name)} },
		New:      func(_ *v4.Call, now proto.Millis) proto.Tag { return proto.Tag{CreatedAt: now, UpdatedAt: now} },
		Decode: func(_ proto.Account, body v4.Object, t, _ *proto.Tag) (err error) {
			t.Name, err = readTag(body)
			return err
		},
		Create: s.createTag,
		Update: s.updateTag,
		Unused: func(a proto.Account, t *proto.Tag) error { return s.untagged(a, t.Name) },
		View:   func(a proto.Account, t *proto.Tag) any { return s.viewTag(a, t) },
		Basis: func(r catalog.Record[proto.Tag]) store.Basis {
			return store.Basis{uint64(s.index.TaggedBy(r.Account, r.Value.Name))}
		},
		Deleted: func(t *proto.Tag) any { return map[string]string{"name": t.Name} },
		Doc: openapi.Resource{
			One: "a tag", Many: "tags, the oldest first", View: openapi.Ref("Tag"),
			Body:    openapi.Object(openapi.Members{"name": openapi.Text()}, "name"),
			Deleted: openapi.Closed(openapi.Members{"name": openapi.Text()}),
		},
		Schemas: func() openapi.Members { return openapi.Members{"Tag": openapi.Of[tagView]()} },
	}
}

type tagView struct {
	Name         string       `json:"name"`
	Applications int          `json:"app_count"`
	CreatedAt    v4.Timestamp `json:"created_at"`
	UpdatedAt    v4.Timestamp `json:"updated_at"`
}

func (s *API) viewTag(a proto.Account, t *proto.Tag) tagView {
	return tagView{t.Name, s.index.TaggedBy(a, t.Name), v4.Timestamp(t.CreatedAt), v4.Timestamp(t.UpdatedAt)}
}

// maxTag bounds the name of a tag, in bytes.
const maxTag = 128

// readTag reads the name of a tag, which must be a valid path segment.
func readTag(body v4.Object) (string, error) {
	name, err := body.Line("name")
	if err != nil {
		return "", err
	}
	if name == "" || len(name) > maxTag || strings.ContainsAny(name, "/\\?#%") || name == "." || name == ".." ||
		strings.TrimSpace(name) != name {
		return "", v4.Invalid(`name must be 1 to %d bytes without / \ ? # %% and without spaces at its ends`, maxTag)
	}
	return name, nil
}

// createTag stores a new tag.
func (s *API) createTag(ctx context.Context, a proto.Account, t *proto.Tag) (uint64, error) {
	revision, err := s.store.Put(ctx, a, topology.KindTag, topology.TagID(a, t.Name), t, store.Prior{})
	if errors.Is(err, bus.ErrConflict) {
		return 0, errTagThere(t.Name)
	}
	return revision, err
}

func errTagThere(name string) error {
	return v4.Errorf(http.StatusConflict, v4.CodeConflict, "access.api.error.conflict: the tag %s already exists",
		v4.Quote(name))
}

// updateTag renames a tag. It returns an error if an application has the tag, since renaming does not change
// applications.
func (s *API) updateTag(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
	}
	old, err := s.tags.Named(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	t := *old.Value
	if t.Name, err = readTag(body); err != nil {
		return v4.Response{}, err
	}
	t.UpdatedAt = proto.At(s.store.Clock.Now())
	if t.Name == old.Value.Name {
		revision, err := s.store.Put(ctx, c.Account, topology.KindTag, topology.TagID(c.Account, t.Name), &t,
			store.PriorOf(old))
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

// untagged returns an error while an application has the tag.
func (s *API) untagged(a proto.Account, name string) error {
	if s.index.TaggedBy(a, name) == 0 {
		return nil
	}
	return resource.InUse("tag", s.index.ApplicationsWith(a, func(app *proto.Application) bool {
		return slices.Contains(v4.Strings(v4.Decode(app.Sent)["tags"]), name)
	}))
}

var errNoTag = v4.Errorf(http.StatusNotFound, v4.CodeNotFound, "access.api.error.not_found")
