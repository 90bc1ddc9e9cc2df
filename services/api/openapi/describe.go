package openapi

import (
	"maps"
	"net/http"
	"slices"

	"plumbline.dev/services/api/v4"
)

// What the API is, for machines: the description of each route, beside what the route says itself. The tables
// are in the files describe_*.go; a route without an entry, or an entry without a route, fails a test, as does
// an answer that is not as described.

// Operation describes a route. Paths, scopes, the envelope and refusals need not be said.
type Operation struct {
	Summary      string
	Details      string // a paragraph, for what clients of Cloudflare's API do not expect
	Query        []Parameter
	Body         Schema            // JSON; nil: there is none
	OtherBodies  map[string]Schema // of other content types
	Status       int               // of success; 0: 200
	Result       Schema            // in the envelope; nil: null
	Info         Schema            // result_info; nil: none
	Beside       Schema            // members beside the result
	OtherContent map[string]string // instead of the envelope: what each content type is
	Statuses     []int             // statuses beside those that every route of its kind has
}

// Operations are described by method and path, such as "GET /access/apps": under the account, or from the
// root on.
type Operations map[string]Operation

// Parameter is one of the query, or a header.
type Parameter struct {
	Name        string
	Description string
	Schema      Schema
	Header      bool
	Repeated    bool // may be there several times
}

// Parameters that several routes have.
var (
	PageParams = []Parameter{
		{Name: "page", Description: "which page, from 1; a page past the end is empty", Schema: Schema{"type": "integer", "minimum": 1, "default": 1}},
		{Name: "per_page", Description: "how many on a page; more than the maximum are not given", Schema: Schema{"type": "integer", "minimum": 1, "default": v4.MaxPerPage}},
	}
	NameParam   = Parameter{Name: "name", Description: "with this name", Schema: Text()}
	SearchParam = Parameter{Name: "search", Description: "that have this text in their names, or what else people know them by", Schema: Text()}
)

func Parameters(lists ...[]Parameter) []Parameter { return slices.Concat(lists...) }

// Resource is what has the usual five operations.
type Resource struct {
	Path, ID                   string // its part of the path: {id}
	One, Many                  string // as in "an application", "applications"
	View, Body                 Schema
	Query                      []Parameter
	Unpaged                    bool
	CreateStatus, DeleteStatus int    // statuses; 0: 200
	Deleted                    Schema // of what is deleted; nil: null
	Patch                      bool   // PATCH instead of PUT
	ListDetails, BodyDetails   string
}

func (r Resource) Operations() Operations {
	list := Operation{Summary: "List " + r.Many, Query: Parameters(r.Query, PageParams), Result: List(r.View), Info: Of[v4.PageInfo](), Details: r.ListDetails}
	if r.Unpaged {
		list.Query = r.Query
	}
	change, how := http.MethodPut, "Replace "
	if r.Patch {
		change, how = http.MethodPatch, "Change "
	}
	one := r.Path + "/" + r.ID
	return Operations{
		"GET " + r.Path:    list,
		"POST " + r.Path:   {Summary: "Make " + r.One, Body: r.Body, Result: r.View, Status: r.CreateStatus, Details: r.BodyDetails},
		"GET " + one:       {Summary: "Get " + r.One, Result: r.View},
		change + " " + one: {Summary: how + r.One, Body: r.Body, Result: r.View},
		"DELETE " + one:    {Summary: "Delete " + r.One, Result: r.Deleted, Status: r.DeleteStatus},
	}
}

// Union has the entries of all.
func Union(all ...Operations) Operations {
	sum := Operations{}
	for _, some := range all {
		maps.Copy(sum, some)
	}
	return sum
}

// PeriodParams are the parameters of whatever is read by time.
func PeriodParams(what string) []Parameter {
	return []Parameter{
		{Name: "since", Description: "the earliest time " + what, Schema: Time()},
		{Name: "until", Description: "the latest time " + what, Schema: Time()},
	}
}
