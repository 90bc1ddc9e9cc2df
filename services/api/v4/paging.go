package v4

import (
	"net/url"
	"slices"
	"strconv"
	"time"
)

// PageInfo is the page information of a list. Clients need all five members (api/README.md 1.4).
type PageInfo struct {
	Page       int `json:"page"`
	PerPage    int `json:"per_page"`
	Count      int `json:"count"`
	TotalCount int `json:"total_count"`
	TotalPages int `json:"total_pages"`
}

// MaxPerPage is the largest and the default page size, because SDK v0 reads only the first page of service tokens.
const MaxPerPage = 1000

// Page returns the requested page of a list. A page past the end is empty, which tells clients where the list ends.
func Page[T any](q url.Values, all []T) ([]T, PageInfo, error) {
	page, err := PositiveParam(q, "page", 1)
	if err != nil {
		return nil, PageInfo{}, err
	}
	size, err := PositiveParam(q, "per_page", MaxPerPage)
	if err != nil {
		return nil, PageInfo{}, err
	}
	size = min(size, MaxPerPage)
	info := PageInfo{Page: page, PerPage: size, TotalCount: len(all), TotalPages: (len(all) + size - 1) / size}
	var part []T
	if page <= info.TotalPages {
		part = all[(page-1)*size : min(page*size, len(all))]
	}
	info.Count = len(part)
	return part, info, nil
}

// SinglePage returns the page information of a list that is not paged.
func SinglePage(n int) PageInfo {
	return PageInfo{Page: 1, PerPage: max(n, MaxPerPage), Count: n, TotalCount: n, TotalPages: min(n, 1)}
}

// HasParam reports whether a query has at least one of the parameters.
func HasParam(q url.Values, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return q.Get(name) != "" })
}

// PositiveParam returns a query parameter that is a whole number from 1; otherwise if it is absent.
func PositiveParam(q url.Values, name string, otherwise int) (int, error) {
	text := q.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n == 0 {
		return 0, Invalid("%s must be a whole number from 1", name)
	}
	return int(n), nil
}

// Period reads the parameters since and until.
func Period(v url.Values) (since, until time.Time, err error) {
	for name, into := range map[string]*time.Time{"since": &since, "until": &until} {
		if text := v.Get(name); text != "" {
			if *into, err = time.Parse(time.RFC3339Nano, text); err != nil || into.Year() < 1970 || into.Year() > 2200 {
				return since, until, Invalid("%s must be a time such as 2026-01-02T15:04:05Z", name)
			}
		}
	}
	return since, until, nil
}

// CursorInfo is the page information of a list that is paged by cursor (api/README.md 1.4).
type CursorInfo struct {
	Count   int    `json:"count"`
	Cursor  string `json:"cursor"`
	PerPage int    `json:"per_page"`
	Total   *int   `json:"total_count"` // null if it would take a full count
}
