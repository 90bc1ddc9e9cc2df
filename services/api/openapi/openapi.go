package openapi

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
)

// Path is the URL path of the OpenAPI document. No credentials are needed: the document has no secrets.
const Path = "/client/v4/openapi.json"

// Description is the part of an OpenAPI document that the routes themselves do not provide.
type Description struct {
	Operations Operations
	Schemas    Members // shared by several operations
	// Public holds the GET operations of paths that need no credentials, by path.
	Public map[string]map[string]any
}

// Add adds the operations and schemas of a package.
func (d *Description) Add(operations Operations, schemas Members) {
	maps.Copy(d.Operations, operations)
	maps.Copy(d.Schemas, schemas)
}

// Document returns the OpenAPI 3.1 document of some routes. A route without an operation is an error.
func (d *Description) Document(routes []v4.Route) ([]byte, error) {
	table, paths := d.Operations, map[string]map[string]any{}
	for _, r := range v4.WithZones(routes) {
		op, known := table[r.Key()]
		if !known {
			return nil, fmt.Errorf("route %s has no description", r.Key())
		}
		if paths[r.Path] == nil {
			paths[r.Path] = map[string]any{"parameters": pathParameters(r.Path)}
		}
		paths[r.Path][strings.ToLower(r.Method)] = op.document(r)
	}
	paths[Path] = map[string]any{"get": map[string]any{
		"operationId": "get_openapi", "summary": "Get this description", "security": []any{},
		"responses": map[string]any{"200": map[string]any{"description": "This document.",
			"content": map[string]any{"application/json": map[string]any{}}}},
	}}
	for path, get := range d.Public {
		paths[path] = map[string]any{"get": get}
	}
	return v4.Encode(map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "Plumbline", "version": "4.0.0",
			"description": "Plumbline's implementation of the Cloudflare v4 API. Endpoints that Cloudflare does not have are " +
				"under /plumbline. " +
				"Plumbline's own members and parameters begin with x_. Clients must accept unknown members. HEAD is supported " +
				"like GET. " +
				"Responses about one resource have its revision as the ETag. A request with If-Match is rejected if the revision " +
				"has changed.",
		},
		"servers": []any{map[string]any{"url": "/"}},
		"security": []any{
			map[string]any{"token": []any{}}, map[string]any{"key": []any{}, "email": []any{}},
			map[string]any{"service_key": []any{}},
		},
		"paths": paths,
		"components": map[string]any{
			"schemas":   d.Schemas.With(envelopeSchemas()),
			"responses": refusals(),
			"securitySchemes": map[string]any{
				"token": map[string]any{"type": "http", "scheme": "bearer", "description": "An API token."},
				"key": map[string]any{"type": "apiKey", "in": "header", "name": v4.HeaderKey,
					"description": "An API token with an e-mail address (x_email)."},
				"email": map[string]any{"type": "apiKey", "in": "header", "name": v4.HeaderEmail,
					"description": "The token's e-mail address."},
				"service_key": map[string]any{"type": "apiKey", "in": "header", "name": v4.HeaderServiceKey,
					"description": "An API token."},
			},
		},
	})
}

// document returns the operation object of a route.
func (op Operation) document(r v4.Route) map[string]any {
	d := map[string]any{
		"operationId": operationID(r), "summary": op.Summary, "tags": []string{string(r.Scope)}, "responses": op.responses(r),
		"x-scope": map[string]any{"area": r.Scope, "edit": r.PermissionFor(r.Method).Edit,
			"permissions": permissionsFor(r.PermissionFor(r.Method))},
	}
	for _, n := range r.Also {
		scope := d["x-scope"].(map[string]any)
		also, _ := scope["also"].([]any)
		scope["also"] = append(also, map[string]any{"area": n.Scope, "edit": n.Edit, "permissions": permissionsFor(n)})
	}
	if op.Details != "" {
		d["description"] = op.Details
	}
	if p := op.parameters(r); len(p) > 0 {
		d["parameters"] = p
	}
	content := map[string]any{}
	if op.Body != nil {
		content["application/json"] = map[string]any{"schema": op.Body}
	}
	for kind, body := range op.OtherBodies {
		content[kind] = map[string]any{"schema": body}
	}
	if len(content) > 0 {
		_, demanding := op.Body["required"]
		d["requestBody"] = map[string]any{"content": content, "required": demanding || len(op.OtherBodies) > 0}
	}
	return d
}

var inBraces = regexp.MustCompile(`\{(\w+)\}`)

func pathParameters(path string) []any {
	all := []any{}
	for _, found := range inBraces.FindAllStringSubmatch(path, -1) {
		of := Text()
		switch found[1] {
		case "account", "zone", "zone_id":
			of = Schema{"type": "string", "pattern": "^[0-9a-fA-F]{32}$"}
		case "id", "policy":
			of = UUID()
		case "page":
			of = Schema{"type": "integer", "minimum": 0}
		}
		all = append(all, map[string]any{"name": found[1], "in": "path", "required": true, "schema": of})
	}
	return all
}

func (op Operation) parameters(r v4.Route) []any {
	all := []any{}
	for _, p := range op.Query {
		one := map[string]any{"name": p.Name, "in": "query", "description": p.Description, "schema": p.Schema}
		if p.Repeated {
			one["schema"], one["explode"] = List(p.Schema), true
		}
		if p.Header {
			one["in"] = "header"
		}
		all = append(all, one)
	}
	if r.TextMessages {
		all = append(all, map[string]any{"name": v4.HeaderMessages, "in": "header", "schema": Text(),
			"description": "If it has a value, messages holds every message. Otherwise it is empty."})
	}
	if conditional(r) {
		all = append(all, map[string]any{"name": "If-Match", "in": "header", "description": "Expected ETag of the resource.",
			"schema": Text()})
	}
	return all
}

// conditional reports whether a route is about one resource, or about the only resource of its kind.
func conditional(r v4.Route) bool {
	return strings.HasSuffix(r.Path, "}") || inBraces.MatchString(r.Key()) || strings.HasSuffix(r.Path, "/organizations")
}

// operationID returns the id of an operation, derived from its method and path.
func operationID(r v4.Route) string {
	path := strings.ReplaceAll(strings.TrimPrefix(r.Key(), r.Method+" "), "/client/v4", "")
	id := strings.ToLower(r.Method) + strings.NewReplacer("/", "_", "{", "", "}", "").Replace(path)
	if strings.HasPrefix(r.Path, v4.ZonePath) {
		id = "zone_" + id
	}
	return id
}

func permissionsFor(n v4.Permission) []string {
	names := []string{}
	for _, g := range permission.Groups {
		if g.Permission == n {
			names = v4.Union(names, []string{g.Name})
		}
	}
	return names
}

// responses returns the possible responses of a route, except for internal errors.
func (op Operation) responses(r v4.Route) map[string]any {
	all := map[string]any{}
	for _, status := range op.statuses(r) {
		all[strconv.Itoa(status)] = map[string]any{"$ref": "#/components/responses/" + strconv.Itoa(status)}
	}
	content := map[string]any{}
	for kind, what := range op.OtherContent {
		content[kind] = map[string]any{"schema": Text().Describe(what)}
	}
	if len(content) == 0 || op.Result != nil {
		content["application/json"] = map[string]any{"schema": op.envelope()}
	}
	all[strconv.Itoa(op.success())] = map[string]any{"description": "Success.", "content": content}
	return all
}

func (op Operation) success() int { return cmp.Or(op.Status, http.StatusOK) }

// envelope returns the schema of a successful response (api/README.md 1.1).
func (op Operation) envelope() Schema {
	m := Members{"success": {"const": true}, "errors": {"type": "array", "maxItems": 0}, "messages": List(Ref("Notice")),
		"result": op.Result}
	if op.Result == nil {
		m["result"] = Schema{"type": "null"}
	}
	optional := []string{}
	if op.Info != nil {
		if m["result_info"] = op.Info; op.Result["anyOf"] != nil {
			optional = append(optional, "result_info")
		}
	}
	s := Closed(m, optional...)
	if op.Beside != nil {
		s = s.Merge(op.Beside)
	}
	return s
}

// envelopeSchemas returns the schemas that every response uses.
func envelopeSchemas() Members {
	return Members{
		"Notice":     Of[v4.Notice](),
		"ResultInfo": Of[v4.PageInfo](),
		"Refusal": Closed(Members{"success": {"const": false},
			"errors":   {"type": "array", "items": Ref("Notice"), "minItems": 1},
			"messages": List(Ref("Notice")), "result": {"type": "null"}}),
	}
}

var refusalSays = map[int]string{
	http.StatusBadRequest:            "The request is invalid.",
	http.StatusForbidden:             "The credentials are missing or invalid, or lack the permission.",
	http.StatusNotFound:              "The resource does not exist.",
	http.StatusConflict:              "The request conflicts with another resource or with a concurrent change.",
	http.StatusPreconditionFailed:    "The resource's revision does not match If-Match.",
	http.StatusGone:                  "The log no longer has the entries after the cursor.",
	http.StatusRequestEntityTooLarge: "The body is too large.",
	http.StatusUnsupportedMediaType:  "The content type is not supported.",
	http.StatusTooManyRequests:       "Too many requests of this kind are running: try again later.",
	http.StatusServiceUnavailable:    "A dependency is temporarily unavailable: try again.",
}

func refusals() map[string]any {
	all := map[string]any{}
	for status, says := range refusalSays {
		all[strconv.Itoa(status)] = map[string]any{
			"description": says, "content": map[string]any{"application/json": map[string]any{"schema": Ref("Refusal")}},
		}
	}
	return all
}

// statuses returns the error statuses of a route.
func (op Operation) statuses(r v4.Route) []int {
	all := map[int]bool{http.StatusBadRequest: true, http.StatusForbidden: true, http.StatusNotFound: true,
		http.StatusServiceUnavailable: true}
	all[http.StatusConflict] = r.Method != http.MethodGet
	all[http.StatusRequestEntityTooLarge] = r.Stream == nil || r.Bounded
	all[http.StatusPreconditionFailed] = conditional(r)
	for _, status := range op.Statuses {
		all[status] = true
	}
	maps.DeleteFunc(all, func(_ int, can bool) bool { return !can })
	return slices.Sorted(maps.Keys(all))
}

// Handler returns a handler that serves the document of some routes. The document is built at the first request.
func (d *Description) Handler(routes []v4.Route) v4.PublicHandler {
	made := sync.OnceValues(func() ([]byte, error) { return d.Document(routes) })
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			return v4.MethodNotAllowed(http.MethodGet)
		}
		document, err := made()
		if err == nil {
			v4.SendJSON(w, http.StatusOK, document)
		}
		return err
	}
}
