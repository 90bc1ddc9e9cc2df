package api

import (
	"net/url"
	"slices"
	"strconv"
)

// resultInfo goes with a list; clients need all five (api/README.md 1.4).
type resultInfo struct {
	Page       int `json:"page"`
	PerPage    int `json:"per_page"`
	Count      int `json:"count"`
	TotalCount int `json:"total_count"`
	TotalPages int `json:"total_pages"`
}

// The size of a page. It is generous because one of the clients reads the first page of the service
// tokens and no other.
const maxPerPage = 1000

// paged cuts the page that the query asks for. A page past the end is empty: that is how clients find
// the end.
func paged[T any](q url.Values, all []T) ([]T, resultInfo, error) {
	page, err := positive(q, "page", 1)
	if err != nil {
		return nil, resultInfo{}, err
	}
	size, err := positive(q, "per_page", maxPerPage)
	if err != nil {
		return nil, resultInfo{}, err
	}
	size = min(size, maxPerPage)
	info := resultInfo{Page: page, PerPage: size, TotalCount: len(all), TotalPages: (len(all) + size - 1) / size}
	var part []T
	if page <= info.TotalPages {
		part = all[(page-1)*size : min(page*size, len(all))]
	}
	info.Count = len(part)
	return part, info, nil
}

// whole is the information on a list that comes in one piece.
func whole(n int) resultInfo {
	return resultInfo{Page: 1, PerPage: max(n, maxPerPage), Count: n, TotalCount: n, TotalPages: min(n, 1)}
}

// filtered tells whether the query has any of the filters.
func filtered(q url.Values, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return q.Get(name) != "" })
}

func positive(q url.Values, name string, otherwise int) (int, error) {
	text := q.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n == 0 {
		return 0, invalid("%s must be a whole number from 1", name)
	}
	return int(n), nil
}
