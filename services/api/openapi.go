package api

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
)

// openAPIPath is where the API describes itself, to everybody: the description has no secrets.
const openAPIPath = "/client/v4/openapi.json"

// openAPI makes the description of some routes, as an OpenAPI 3.1 document.
func openAPI(routes []route) ([]byte, error) {
	table, paths := described(), map[string]map[string]any{}
	for _, r := range withZones(routes) {
		op, known := table[r.key()]
		if !known {
			return nil, fmt.Errorf("the route %s is not described", r.key())
		}
		if paths[r.path] == nil {
			paths[r.path] = map[string]any{"parameters": pathParameters(r.path)}
		}
		paths[r.path][strings.ToLower(r.method)] = op.document(r)
	}
	paths[openAPIPath] = map[string]any{"get": map[string]any{
		"operationId": "get_openapi", "summary": "Get this description", "security": []any{},
		"responses": map[string]any{"200": map[string]any{"description": "this document", "content": map[string]any{"application/json": map[string]any{}}}},
	}}
	return encode(map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "Plumbline", "version": "4.0.0",
			"description": "The Cloudflare v4 API of what Plumbline has, and under /plumbline what Cloudflare has no endpoint for. " +
				"Members and parameters of ours begin with x_. Clients should expect further members. HEAD is answered as GET is. " +
				"Answers about one resource have its revision as the ETag; a request with If-Match is refused where that is another one by now.",
		},
		"servers": []any{map[string]any{"url": "/"}},
		"security": []any{
			map[string]any{"token": []any{}}, map[string]any{"key": []any{}, "email": []any{}}, map[string]any{"service_key": []any{}},
		},
		"paths": paths,
		"components": map[string]any{
			"schemas":   components(),
			"responses": refusals(),
			"securitySchemes": map[string]any{
				"token":       map[string]any{"type": "http", "scheme": "bearer", "description": "an API token"},
				"key":         map[string]any{"type": "apiKey", "in": "header", "name": headerKey, "description": "an API token that has an address (x_email)"},
				"email":       map[string]any{"type": "apiKey", "in": "header", "name": headerEmail, "description": "the token's address"},
				"service_key": map[string]any{"type": "apiKey", "in": "header", "name": headerServiceKey, "description": "an API token"},
			},
		},
	})
}

// document is the operation object of a route.
func (op operation) document(r route) map[string]any {
	d := map[string]any{
		"operationId": operationID(r), "summary": op.summary, "tags": []string{string(r.of)}, "responses": op.responses(r),
		"x-scope": map[string]any{"area": r.of, "edit": needOf(r, r.method).edit, "permissions": permissionsFor(needOf(r, r.method))},
	}
	if op.more != "" {
		d["description"] = op.more
	}
	if p := op.parameters(r); len(p) > 0 {
		d["parameters"] = p
	}
	content := map[string]any{}
	if op.body != nil {
		content["application/json"] = map[string]any{"schema": op.body}
	}
	for kind, body := range op.bodies {
		content[kind] = map[string]any{"schema": body}
	}
	if len(content) > 0 {
		_, demanding := op.body["required"]
		d["requestBody"] = map[string]any{"content": content, "required": demanding || len(op.bodies) > 0}
	}
	return d
}

var inBraces = regexp.MustCompile(`\{(\w+)\}`)

func pathParameters(path string) []any {
	all := []any{}
	for _, found := range inBraces.FindAllStringSubmatch(path, -1) {
		of := aText()
		switch found[1] {
		case "account", "zone", "zone_id":
			of = schema{"type": "string", "pattern": "^[0-9a-fA-F]{32}$"}
		case "id", "policy":
			of = aUUID()
		case "page":
			of = schema{"type": "integer", "minimum": 0}
		}
		all = append(all, map[string]any{"name": found[1], "in": "path", "required": true, "schema": of})
	}
	return all
}

func (op operation) parameters(r route) []any {
	all := []any{}
	for _, p := range op.query {
		one := map[string]any{"name": p.name, "in": "query", "description": p.says, "schema": p.schema}
		if p.many {
			one["schema"], one["explode"] = listOf(p.schema), true
		}
		if p.header {
			one["in"] = "header"
		}
		all = append(all, one)
	}
	if r.conditional() {
		all = append(all, map[string]any{"name": "If-Match", "in": "header", "description": "the ETag that the resource must still have", "schema": aText()})
	}
	return all
}

// conditional tells whether a route is about one resource, or the one that there is.
func (r route) conditional() bool {
	return strings.HasSuffix(r.path, "}") || inBraces.MatchString(r.key()) || strings.HasSuffix(r.path, "/organizations")
}

// operationID names an operation by its method and path.
func operationID(r route) string {
	path := strings.ReplaceAll(strings.TrimPrefix(r.key(), r.method+" "), "/client/v4", "")
	id := strings.ToLower(r.method) + strings.NewReplacer("/", "_", "{", "", "}", "").Replace(path)
	if strings.HasPrefix(r.path, zonePath) {
		id = "zone_" + id
	}
	return id
}

func permissionsFor(n need) []string {
	names := []string{}
	for _, g := range permissionGroups {
		if g.need == n {
			names = merged(names, []string{g.name})
		}
	}
	return names
}

// responses are what a route can answer, a fault of the control plane itself excepted.
func (op operation) responses(r route) map[string]any {
	all := map[string]any{}
	for _, status := range op.statuses(r) {
		all[strconv.Itoa(status)] = map[string]any{"$ref": "#/components/responses/" + strconv.Itoa(status)}
	}
	content := map[string]any{}
	for kind, what := range op.other {
		content[kind] = map[string]any{"schema": aText().says(what)}
	}
	if len(content) == 0 {
		content["application/json"] = map[string]any{"schema": op.envelope()}
	}
	all[strconv.Itoa(op.success())] = map[string]any{"description": "done", "content": content}
	return all
}

func (op operation) success() int { return cmp.Or(op.status, http.StatusOK) }

// envelope is a successful answer (api/README.md 1.1).
func (op operation) envelope() schema {
	m := members{"success": {"const": true}, "errors": {"type": "array", "maxItems": 0}, "messages": listOf(an("Notice")), "result": op.result}
	if op.result == nil {
		m["result"] = schema{"type": "null"}
	}
	optional := []string{}
	if op.info != nil {
		if m["result_info"] = op.info; op.result["anyOf"] != nil {
			optional = append(optional, "result_info")
		}
	}
	s := exactly(m, optional...)
	if op.beside != nil {
		s = s.and(op.beside)
	}
	return s
}

var refusalSays = map[int]string{
	http.StatusBadRequest:            "what was sent cannot be taken",
	http.StatusForbidden:             "the credentials are none, or may not",
	http.StatusNotFound:              "what the path names is not there",
	http.StatusConflict:              "something else is in the way, or somebody else was first",
	http.StatusPreconditionFailed:    "the resource has another revision than If-Match says",
	http.StatusGone:                  "what comes after the cursor is not kept any more",
	http.StatusRequestEntityTooLarge: "the body is too large",
	http.StatusUnsupportedMediaType:  "the content type is none of those that are taken",
	http.StatusServiceUnavailable:    "something that is needed does not answer at the moment: try again",
}

func refusals() map[string]any {
	all := map[string]any{}
	for status, says := range refusalSays {
		all[strconv.Itoa(status)] = map[string]any{
			"description": says, "content": map[string]any{"application/json": map[string]any{"schema": an("Refusal")}},
		}
	}
	return all
}

// statuses are those of the refusals of a route.
func (op operation) statuses(r route) []int {
	all := map[int]bool{http.StatusBadRequest: true, http.StatusForbidden: true, http.StatusNotFound: true, http.StatusServiceUnavailable: true}
	all[http.StatusConflict] = r.method != http.MethodGet
	all[http.StatusRequestEntityTooLarge] = r.stream == nil
	all[http.StatusPreconditionFailed] = r.conditional()
	for _, status := range op.refuses {
		all[status] = true
	}
	maps.DeleteFunc(all, func(_ int, can bool) bool { return !can })
	return slices.Sorted(maps.Keys(all))
}

// serveOpenAPI sends the description, which is made when it is first asked for.
func serveOpenAPI(routes []route) func(http.ResponseWriter, *http.Request) error {
	made := sync.OnceValues(func() ([]byte, error) { return openAPI(routes) })
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			p := refuse(http.StatusMethodNotAllowed, codeMethod, "Method not allowed")
			p.allow = http.MethodGet
			return p
		}
		document, err := made()
		if err == nil {
			send(w, http.StatusOK, document)
		}
		return err
	}
}
