package fleet

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/fleet/column"
	"plumbline.dev/services/api/fleet/filter"
	"plumbline.dev/services/api/v4"
)

// query reads the filter of a request.
func (s *API) query(a proto.Account, text string) (*column.Query, error) {
	e, err := filter.Parse(text)
	if err != nil {
		return nil, v4.Invalid("%v", err)
	}
	checks := s.checks(a)
	ids := make([]proto.ID, len(checks))
	for n, c := range checks {
		ids[n] = c.ID
	}
	q, err := column.NewQuery(e, proto.At(s.Store.Clock.Now()), ids, func(name string) ([]proto.ID, error) {
		return named(checks, name)
	})
	if err != nil {
		return nil, v4.Invalid("%v", err)
	}
	return q, nil
}

// checks returns the evaluated checks of an account, the oldest first.
func (s *API) checks(a proto.Account) (all []*proto.Check) {
	for _, r := range s.Store.Catalog.ChecksOf(a) {
		if s.Posture.IsPolled(a, r.Value) {
			all = append(all, r.Value)
		}
	}
	slices.SortFunc(all, func(a, b *proto.Check) int {
		return cmp.Or(cmp.Compare(a.CreatedAt, b.CreatedAt), strings.Compare(a.ID.String(), b.ID.String()))
	})
	return all
}

// maxNamed bounds the checks that an error names.
const maxNamed = 10

// named returns the ids of the checks with a name, in any letter case, or with an id.
func named(checks []*proto.Check, name string) (ids []proto.ID, err error) {
	var names []string
	for _, c := range checks {
		if strings.EqualFold(c.Name, name) || strings.EqualFold(c.ID.String(), name) {
			ids = append(ids, c.ID)
		}
		names = append(names, v4.Quote(c.Name))
	}
	switch {
	case len(ids) > 0:
		return ids, nil
	case len(names) == 0:
		return nil, errors.New("filter: there is no check: create one, or remove the condition")
	case len(names) > maxNamed:
		names = append(names[:maxNamed], "others")
	}
	return nil, errors.New("filter: no evaluated check has the name or id " + v4.Quote(name) + ": use one of " +
		strings.Join(names, ", "))
}

// readPatience reads whether a request waits for the newest results.
func readPatience(v url.Values) (bool, error) {
	switch v.Get("outdated") {
	case "", "0", "false":
		return true, nil
	case "1", "true":
		return false, nil
	}
	return false, v4.Invalid("outdated must be 1 or 0")
}
