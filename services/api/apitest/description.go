package apitest

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/internal/clock"
)

// OpenAPI is the served OpenAPI description. It is safe for concurrent use.
type OpenAPI struct {
	Document map[string]any

	mux      *http.ServeMux
	mu       sync.Mutex
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema // by JSON pointer
}

// Offline returns a service without a bus. It serves only its OpenAPI description.
func Offline() (*api.Service, error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	return api.New(api.Config{SealTo: []age.Recipient{identity.Recipient()}}, api.Deps{
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Clock: clock.NewFake(time.Time{})})
}

var readDescription = sync.OnceValues(func() (*OpenAPI, error) {
	s, err := Offline()
	if err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, openapi.Path, nil))
	if w.Code != http.StatusOK {
		return nil, fmt.Errorf("the OpenAPI description: %d %s", w.Code, w.Body)
	}
	v, err := jsonschema.UnmarshalJSON(w.Body)
	if err != nil {
		return nil, err
	}
	d := &OpenAPI{Document: v.(map[string]any), mux: http.NewServeMux(), compiler: jsonschema.NewCompiler(),
		schemas: map[string]*jsonschema.Schema{}}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	for path := range d.Document["paths"].(map[string]any) {
		d.mux.HandleFunc(path, func(http.ResponseWriter, *http.Request) {})
	}
	return d, d.compiler.AddResource("openapi.json", v)
})

// Description returns the OpenAPI description of the api.
func Description(t testing.TB) *OpenAPI {
	t.Helper()
	d, err := readDescription()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// At returns the value at a path of member names, or nil if there is none.
func At(v any, path ...string) any {
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// Schema compiles the schema at a path of member names in the document.
func (d *OpenAPI) Schema(path ...string) (*jsonschema.Schema, error) {
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D", "%", "%25")
	pointer := "openapi.json#"
	for _, name := range path {
		pointer += "/" + escape.Replace(name)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.schemas[pointer]; s != nil {
		return s, nil
	}
	s, err := d.compiler.Compile(pointer)
	if err == nil {
		d.schemas[pointer] = s
	}
	return s, err
}

// check validates a value against the schema at a path.
func (d *OpenAPI) check(t testing.TB, what string, body []byte, path ...string) {
	t.Helper()
	s, err := d.Schema(path...)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		err = s.Validate(v)
	}
	if err != nil {
		t.Errorf("%s is not as described: %v\n%s", what, err, body)
	}
}

// CheckResponse checks that a response is described. It returns the description of the operation, with its path and
// method. op is nil for HEAD, for status 500, and if the request has no description.
func (d *OpenAPI) CheckResponse(t testing.TB, req *http.Request, status int, header http.Header,
	body []byte) (op map[string]any, path, method string) {
	t.Helper()
	if req.Method == http.MethodHead {
		return nil, "", ""
	}
	_, path = d.mux.Handler(req)
	method = strings.ToLower(req.Method)
	op, _ = At(d.Document, "paths", path, method).(map[string]any)
	if op == nil || status == http.StatusInternalServerError {
		return nil, "", ""
	}
	what := req.Method + " " + req.URL.Path
	code := strconv.Itoa(status)
	response := At(op, "responses", code)
	kind, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	switch {
	case response == nil:
		t.Errorf("%s: the status %s is not described: %s", what, code, body)
	case At(response, "$ref") != nil:
		d.check(t, what+": "+code, body, "components", "responses", code, "content", "application/json", "schema")
	case At(response, "content", kind) == nil:
		t.Errorf("%s: a response of type %q is not described", what, kind)
	case kind == "application/json":
		d.check(t, what+": the response", body, "paths", path, method, "responses", code, "content", kind, "schema")
	}
	return op, path, method
}

// CheckExchange checks that a response is described, and the parameters and body of a successful request.
func (d *OpenAPI) CheckExchange(t testing.TB, req *http.Request, sent []byte, status int, header http.Header,
	body []byte) {
	t.Helper()
	op, path, method := d.CheckResponse(t, req, status, header, body)
	if op == nil || status/100 != 2 {
		return
	}
	what := req.Method + " " + req.URL.Path
	var known []string
	parameters, _ := op["parameters"].([]any)
	for _, p := range parameters {
		known = append(known, At(p, "name").(string))
	}
	for name := range req.URL.Query() {
		if !slices.Contains(known, strings.TrimSuffix(name, "[]")) {
			t.Errorf("%s takes the parameter %s, which is not described", what, name)
		}
	}
	if len(bytes.TrimSpace(sent)) == 0 || req.Header.Get("Content-Type") != "application/json" {
		return
	}
	if At(op, "requestBody") == nil {
		return // a body that the operation ignores
	}
	d.check(t, what+": the body", sent, "paths", path, method, "requestBody", "content", "application/json", "schema")
}
