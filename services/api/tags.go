package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// Tags are known by their names, which are in the path of what is asked about one.
func (s *Service) tagRoutes() []route {
	const all, one = accountPath + "/access/tags", accountPath + "/access/tags/{name}"
	return []route{
		{method: http.MethodGet, path: all, of: areaApps, handle: s.listTags},
		{method: http.MethodPost, path: all, of: areaApps, handle: s.createTag},
		{method: http.MethodGet, path: one, of: areaApps, handle: s.getTag},
		{method: http.MethodPut, path: one, of: areaApps, handle: s.updateTag},
		{method: http.MethodDelete, path: one, of: areaApps, handle: s.deleteTag},
	}
}

type tagView struct {
	Name         string `json:"name"`
	Applications int    `json:"app_count"`
	CreatedAt    stamp  `json:"created_at"`
	UpdatedAt    stamp  `json:"updated_at"`
}

func (s *Service) viewTag(a proto.Account, t *proto.Tag) tagView {
	return tagView{t.Name, s.index.taggedBy(a, t.Name), stamp(t.CreatedAt), stamp(t.UpdatedAt)}
}

// maxTag bounds the name of a tag, in bytes.
const maxTag = 128

// readTag reads the name, which has to be one part of a path.
func readTag(body object) (string, error) {
	name, err := body.line("name")
	if err != nil {
		return "", err
	}
	if name == "" || len(name) > maxTag || strings.ContainsAny(name, "/\\?#%") || name == "." || name == ".." || strings.TrimSpace(name) != name {
		return "", invalid(`name must be 1 to %d bytes without / \ ? # %% and without blanks at its ends`, maxTag)
	}
	return name, nil
}

func (s *Service) listTags(ctx context.Context, c *call) (answer, error) {
	if err := s.fresh(ctx); err != nil {
		return answer{}, err
	}
	part, info, err := paged(c.URL.Query(), s.index.account(c.account).tags.all())
	views := make([]tagView, len(part))
	for n, t := range part {
		views[n] = s.viewTag(c.account, t.of.Value)
	}
	return answer{result: views, info: info}, err
}

// tag finds the one that the path names.
func (s *Service) tag(ctx context.Context, c *call) (catalog.Record[proto.Tag], error) {
	if err := s.fresh(ctx); err != nil {
		return catalog.Record[proto.Tag]{}, err
	}
	t, found := s.catalog.Tag(c.account, c.PathValue("name"))
	if !found {
		return t, errNoTag
	}
	return t, c.precondition(t.Revision)
}

func (s *Service) getTag(ctx context.Context, c *call) (answer, error) {
	t, err := s.tag(ctx, c)
	if err != nil {
		return answer{}, err
	}
	return answer{result: s.viewTag(c.account, t.Value), revision: t.Revision}, nil
}

func (s *Service) createTag(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	name, err := readTag(body)
	if err != nil {
		return answer{}, err
	}
	now := proto.At(s.clock.Now())
	t := proto.Tag{Name: name, CreatedAt: now, UpdatedAt: now}
	revision, err := s.put(ctx, c.account, topology.KindTag, topology.TagID(c.account, name), &t, 0)
	if errors.Is(err, bus.ErrConflict) {
		return answer{}, errTagThere(name)
	}
	return answer{status: http.StatusCreated, result: s.viewTag(c.account, &t), revision: revision}, err
}

func errTagThere(name string) error {
	return refuse(http.StatusConflict, codeConflict, "access.api.error.conflict: there is a tag %s already", quoted(name))
}

// updateTag renames a tag that no application carries: their lists of tags are theirs to change.
func (s *Service) updateTag(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	old, err := s.tag(ctx, c)
	if err != nil {
		return answer{}, err
	}
	t := *old.Value
	if t.Name, err = readTag(body); err != nil {
		return answer{}, err
	}
	t.UpdatedAt = proto.At(s.clock.Now())
	if t.Name == old.Value.Name {
		revision, err := s.put(ctx, c.account, topology.KindTag, topology.TagID(c.account, t.Name), &t, old.Revision)
		return answer{result: s.viewTag(c.account, &t), revision: revision}, err
	}
	if err := s.untagged(c.account, old.Value.Name); err != nil {
		return answer{}, err
	}
	revision, err := s.write(ctx, c.account, topology.Config,
		put(c.account, topology.KindTag, topology.TagID(c.account, old.Value.Name), nil, old.Revision),
		put(c.account, topology.KindTag, topology.TagID(c.account, t.Name), &t, 0))
	if errors.Is(err, bus.ErrConflict) {
		if err := s.fresh(ctx); err != nil {
			return answer{}, err
		}
		if _, there := s.catalog.Tag(c.account, t.Name); there {
			return answer{}, errTagThere(t.Name)
		}
	}
	return answer{result: s.viewTag(c.account, &t), revision: revision}, err
}

// untagged refuses while an application carries the tag.
func (s *Service) untagged(a proto.Account, name string) error {
	if s.index.taggedBy(a, name) == 0 {
		return nil
	}
	return inUse("tag", s.applicationsWith(a, func(app *proto.Application) bool {
		return slices.Contains(texts(stored(app.Sent)["tags"]), name)
	}))
}

func (s *Service) deleteTag(ctx context.Context, c *call) (answer, error) {
	for range attempts {
		t, err := s.tag(ctx, c)
		if err == nil {
			err = s.untagged(c.account, t.Value.Name)
		}
		if err != nil {
			return answer{}, err
		}
		err = s.remove(ctx, c.account, topology.KindTag, topology.TagID(c.account, t.Value.Name), t.Revision)
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return answer{status: http.StatusAccepted, result: map[string]string{"name": t.Value.Name}}, err
	}
	return answer{}, errConflict
}
