package api

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// What the API is, for machines: the description of each route, beside what the route says itself. The tables
// are in the files describe_*.go; a route without an entry, or an entry without a route, fails a test, as does
// an answer that is not as described.

// operation describes a route. Paths, scopes, the envelope and refusals need not be said.
type operation struct {
	summary string
	more    string // a paragraph, for what clients of Cloudflare's API do not expect
	query   []parameter
	body    schema            // JSON; nil: there is none
	bodies  map[string]schema // of other content types
	status  int               // of success; 0: 200
	result  schema            // in the envelope; nil: null
	info    schema            // result_info; nil: none
	beside  schema            // members beside the result
	other   map[string]string // instead of the envelope: what each content type is
	refuses []int             // statuses beside those that every route of its kind has
}

// operations are described by method and path, such as "GET /access/apps": under the account, or from the
// root on.
type operations map[string]operation

// parameter is one of the query, or a header.
type parameter struct {
	name   string
	says   string
	schema schema
	header bool
	many   bool // may be there several times
}

func described() operations {
	all := operations{}
	for _, some := range []operations{accessOperations(), tokenOperations(), postureOperations(), deviceOperations(), plumblineOperations(), accountOperations()} {
		maps.Copy(all, some)
	}
	return all
}

// Parameters that several routes have.
var (
	pageOf = []parameter{
		{name: "page", says: "which page, from 1; a page past the end is empty", schema: schema{"type": "integer", "minimum": 1, "default": 1}},
		{name: "per_page", says: "how many on a page; more than the maximum are not given", schema: schema{"type": "integer", "minimum": 1, "default": maxPerPage}},
	}
	byName   = parameter{name: "name", says: "with this name", schema: aText()}
	bySearch = parameter{name: "search", says: "that have this text in their names, or what else people know them by", schema: aText()}
)

func parameters(lists ...[]parameter) []parameter { return slices.Concat(lists...) }

// resource is what has the usual five operations.
type resource struct {
	path, id     string // its part of the path: {id}
	one, many    string // as in "an application", "applications"
	view, body   schema
	query        []parameter
	unpaged      bool
	made, gone   int    // statuses; 0: 200
	left         schema // of what is deleted; nil: null
	merged       bool   // PATCH instead of PUT
	more, onBody string
}

func (r resource) describe() operations {
	list := operation{summary: "List " + r.many, query: parameters(r.query, pageOf), result: listOf(r.view), info: of[resultInfo](), more: r.more}
	if r.unpaged {
		list.query = r.query
	}
	change, how := http.MethodPut, "Replace "
	if r.merged {
		change, how = http.MethodPatch, "Change "
	}
	one := r.path + "/" + r.id
	return operations{
		"GET " + r.path:    list,
		"POST " + r.path:   {summary: "Make " + r.one, body: r.body, result: r.view, status: r.made, more: r.onBody},
		"GET " + one:       {summary: "Get " + r.one, result: r.view},
		change + " " + one: {summary: how + r.one, body: r.body, result: r.view},
		"DELETE " + one:    {summary: "Delete " + r.one, result: r.left, status: r.gone},
	}
}

// union has the entries of all.
func union(all ...operations) operations {
	sum := operations{}
	for _, some := range all {
		maps.Copy(sum, some)
	}
	return sum
}

// the key by which a route is described.
func (r route) key() string {
	return r.method + " " + strings.TrimPrefix(strings.TrimPrefix(r.path, accountPath), zonePath)
}
