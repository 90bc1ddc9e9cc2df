package openapi

import (
	"maps"
	"net/http"
	"slices"

	"plumbline.dev/services/api/v4"
)

// Every route needs an operation, and every operation a route. Tests fail if either is missing, or if a response does
// not match its description.

// Operation describes a route. Path, scope, envelope and error responses are added automatically.
type Operation struct {
	Summary      string
	Details      string // a paragraph on differences from Cloudflare's API
	Query        []Parameter
	Body         Schema            // JSON; nil: no body
	OtherBodies  map[string]Schema // by content type
	Status       int               // success status; 0: 200
	Result       Schema            // in the envelope; nil: null
	Info         Schema            // result_info; nil: absent
	Beside       Schema            // members beside the result
	OtherContent map[string]string // description by content type, without the envelope; beside Result, if set
	Statuses     []int             // error statuses beside those that all routes have
}

// Operations holds operations by method and path, such as "GET /access/apps". Paths are relative to the account unless
// they begin with /client/v4.
type Operations map[string]Operation

// Parameter is a query parameter or a header.
type Parameter struct {
	Name        string
	Description string
	Schema      Schema
	Header      bool
	Repeated    bool // may be repeated
}

// Parameters of several routes.
var (
	PageParams = []Parameter{
		{Name: "page", Description: "Page number, from 1. A page past the end is empty.",
			Schema: Schema{"type": "integer", "minimum": 1, "default": 1}},
		{Name: "per_page", Description: "Page size. Larger values are reduced to the maximum.",
			Schema: Schema{"type": "integer", "minimum": 1, "default": v4.MaxPerPage}},
	}
	NameParam   = Parameter{Name: "name", Description: "Filter by name.", Schema: Text()}
	SearchParam = Parameter{Name: "search", Description: "Filter by a part of the name or another identifying member.",
		Schema: Text()}
)

// Parameters joins lists of parameters.
func Parameters(lists ...[]Parameter) []Parameter { return slices.Concat(lists...) }

// Resource describes a resource with the usual five operations.
type Resource struct {
	Path, ID                   string // path parameter, such as {id}
	One, Many                  string // as in "an application", "applications"
	View, Body                 Schema
	Query                      []Parameter
	Unpaged                    bool
	CreateStatus, DeleteStatus int    // 0: 200
	Deleted                    Schema // result of a deletion; nil: null
	Patch                      bool   // PATCH instead of PUT
	Fixed                      bool   // neither
	ListDetails, BodyDetails   string
}

// Operations returns the operations of the resource: four if it is fixed, five otherwise.
func (r Resource) Operations() Operations {
	list := Operation{Summary: "List " + r.Many, Query: Parameters(r.Query, PageParams), Result: List(r.View),
		Info: Of[v4.PageInfo](), Details: r.ListDetails}
	if r.Unpaged {
		list.Query = r.Query
	}
	change, how := http.MethodPut, "Replace "
	if r.Patch {
		change, how = http.MethodPatch, "Change "
	}
	one := r.Path + "/" + r.ID
	all := Operations{
		"GET " + r.Path: list,
		"POST " + r.Path: {Summary: "Create " + r.One, Body: r.Body, Result: r.View, Status: r.CreateStatus,
			Details: r.BodyDetails},
		"GET " + one:    {Summary: "Get " + r.One, Result: r.View},
		"DELETE " + one: {Summary: "Delete " + r.One, Result: r.Deleted, Status: r.DeleteStatus},
	}
	if !r.Fixed {
		all[change+" "+one] = Operation{Summary: how + r.One, Body: r.Body, Result: r.View}
	}
	return all
}

// Union returns the operations of all arguments.
func Union(all ...Operations) Operations {
	sum := Operations{}
	for _, some := range all {
		maps.Copy(sum, some)
	}
	return sum
}

// PeriodParams returns the parameters of a list that is read by time.
func PeriodParams(what string) []Parameter {
	return []Parameter{
		{Name: "since", Description: "Earliest time " + what, Schema: Time()},
		{Name: "until", Description: "Latest time " + what, Schema: Time()},
	}
}
