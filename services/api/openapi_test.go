package api

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/clock"
)

// description is the served document, read, with its schemas ready to check what goes over the wire.
type description struct {
	document map[string]any
	mux      *http.ServeMux
	mu       sync.Mutex
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema // by JSON pointer
}

// withoutBus returns a service that knows its routes and cannot serve them.
var withoutBus = sync.OnceValue(func() *Service {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		panic(err)
	}
	s, err := New(Config{SealTo: []age.Recipient{identity.Recipient()}},
		Deps{Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Clock: clock.NewFake(time.Time{})})
	if err != nil {
		panic(err)
	}
	return s
})

// theDescription is nil while a route is not described: TestEveryRouteIsDescribed says which.
var theDescription = sync.OnceValue(func() *description {
	text, err := withoutBus().description().Document(withoutBus().routes())
	if err != nil {
		return nil
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		panic(err)
	}
	d := &description{document: v.(map[string]any), mux: http.NewServeMux(), compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource("openapi.json", v); err != nil {
		panic(err)
	}
	for path := range d.document["paths"].(map[string]any) {
		d.mux.HandleFunc(path, func(http.ResponseWriter, *http.Request) {})
	}
	return d
})

func at(v any, path ...string) any {
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func pointer(path ...string) string {
	for n := range path {
		path[n] = strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D", "%", "%25").Replace(path[n])
	}
	return "openapi.json#/" + strings.Join(path, "/")
}

// check holds a value against the schema at a place in the document.
func (d *description) check(t testing.TB, what string, body []byte, path ...string) {
	t.Helper()
	where := pointer(path...)
	d.mu.Lock()
	s := d.schemas[where]
	if s == nil {
		var err error
		if s, err = d.compiler.Compile(where); err != nil {
			d.mu.Unlock()
			t.Fatal(err)
		}
		d.schemas[where] = s
	}
	d.mu.Unlock()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		err = s.Validate(v)
	}
	if err != nil {
		t.Errorf("%s is not as described: %v\n%s", what, err, body)
	}
}

// answered checks an answer, and gives what is described of the route; nil where there is nothing to hold it
// against.
func (d *description) answered(t testing.TB, req *http.Request, status int, header http.Header, body []byte) (op map[string]any, path, method string) {
	t.Helper()
	if d == nil || req.Method == http.MethodHead {
		return nil, "", ""
	}
	_, path = d.mux.Handler(req)
	method = strings.ToLower(req.Method)
	op, _ = at(d.document, "paths", path, method).(map[string]any)
	if op == nil || status == http.StatusInternalServerError {
		return nil, "", ""
	}
	what := req.Method + " " + req.URL.Path
	code := strconv.Itoa(status)
	response := at(op, "responses", code)
	kind, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	switch {
	case response == nil:
		t.Errorf("%s: the status %s is not described: %s", what, code, body)
	case at(response, "$ref") != nil:
		d.check(t, what+": "+code, body, "components", "responses", code, "content", "application/json", "schema")
	case at(response, "content", kind) == nil:
		t.Errorf("%s: an answer of type %q is not described", what, kind)
	case kind == "application/json":
		d.check(t, what+": the answer", body, "paths", path, method, "responses", code, "content", kind, "schema")
	}
	return op, path, method
}

// holds checks an exchange: whatever is answered is described, and so is whatever is taken.
func (d *description) holds(t testing.TB, req *http.Request, sent []byte, status int, header http.Header, body []byte) {
	t.Helper()
	op, path, method := d.answered(t, req, status, header, body)
	if op == nil || status/100 != 2 {
		return
	}
	what := req.Method + " " + req.URL.Path
	var known []string
	parameters, _ := op["parameters"].([]any)
	for _, p := range parameters {
		known = append(known, at(p, "name").(string))
	}
	for name := range req.URL.Query() {
		if !slices.Contains(known, strings.TrimSuffix(name, "[]")) {
			t.Errorf("%s takes the parameter %s, which is not described", what, name)
		}
	}
	if len(bytes.TrimSpace(sent)) == 0 || req.Header.Get("Content-Type") != "application/json" {
		return
	}
	if at(op, "requestBody") == nil {
		return // what is sent and not looked at
	}
	d.check(t, what+": the body", sent, "paths", path, method, "requestBody", "content", "application/json", "schema")
}

// plain makes a request without credentials.
func (y *system) plain(method, path string) response {
	w := httptest.NewRecorder()
	y.handler.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return response{Status: w.Code, Header: w.Header(), Body: w.Body.Bytes()}
}

// teed gives what is read of a request's body later on.
func teed(req *http.Request) *bytes.Buffer {
	var sent bytes.Buffer
	if req.Body != nil {
		req.Body = io.NopCloser(io.TeeReader(req.Body, &sent))
	}
	return &sent
}

// Every route is described, and nothing that is no route.
func TestEveryRouteIsDescribed(t *testing.T) {
	table := withoutBus().description().Operations
	for _, r := range v4.WithZones(withoutBus().routes()) {
		op, known := table[r.Key()]
		if !known || op.Summary == "" {
			t.Errorf("%s is not described: give it an entry in describe_*.go", r.Key())
		}
		if writes := r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch; !writes && op.Body != nil {
			t.Errorf("%s is described with a body", r.Key())
		}
	}
	for key := range table {
		if !slices.ContainsFunc(withoutBus().routes(), func(r v4.Route) bool { return r.Key() == key }) {
			t.Errorf("%s is described, and is no route", key)
		}
	}
}

// The document is the golden one, which people read, and is served to everybody.
func TestTheDescriptionIsServed(t *testing.T) {
	y := start(t)
	w := y.plain(http.MethodGet, openapi.Path)
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, w.Body, "", "  "); err != nil || w.Status != http.StatusOK || w.Header.Get("Content-Type") != "application/json" {
		t.Fatal(w.Status, w.Header, err)
	}
	golden := filepath.Join("testdata", "openapi.json")
	if *update {
		if err := os.WriteFile(golden, pretty.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, pretty.Bytes()) {
		t.Errorf("the description is not %s; go test ./api -update writes it anew, for you to look at the difference", golden)
	}
	if w := y.plain(http.MethodPost, openapi.Path); w.Status != http.StatusMethodNotAllowed || w.Header.Get("Allow") != "GET" {
		t.Errorf("POST: %d %s", w.Status, w.Body)
	}
}

// The document is an OpenAPI 3.1 document, by its schema; every schema in it is one, every operation has a name
// of its own, and every parameter of a path is there.
func TestTheDescriptionIsSound(t *testing.T) {
	d := theDescription()
	if d == nil {
		t.Fatal("there is none")
	}
	meta, err := os.ReadFile(filepath.Join("testdata", "openapi-3.1.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(meta))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("https://spec.openapis.org/oas/3.1/schema/2022-10-07", v); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("https://spec.openapis.org/oas/3.1/schema/2022-10-07")
	if err == nil {
		err = s.Validate(d.document)
	}
	if err != nil {
		t.Error(err)
	}
	names := map[any]string{}
	for path, item := range d.document["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			if method == "parameters" {
				continue
			}
			id := at(op, "operationId")
			if id == nil || names[id] != "" {
				t.Errorf("%s %s and %s are both called %v", method, path, names[id], id)
			}
			names[id] = method + " " + path
			for code, response := range at(op, "responses").(map[string]any) {
				contents, _ := at(response, "content").(map[string]any)
				for kind := range contents {
					if at(contents, kind, "schema") == nil {
						continue
					}
					if _, err := d.compiler.Compile(pointer("paths", path, method, "responses", code, "content", kind, "schema")); err != nil {
						t.Error(err)
					}
				}
			}
		}
	}
}
