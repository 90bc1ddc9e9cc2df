package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// TestEveryRouteIsDescribed checks that the OpenAPI description has the routes and no others.
func TestEveryRouteIsDescribed(t *testing.T) {
	s, err := apitest.Offline()
	if err != nil {
		t.Fatal(err)
	}
	operations := s.Description().Operations
	for _, r := range v4.WithZones(s.Routes()) {
		op, known := operations[r.Key()]
		if !known || op.Summary == "" {
			t.Errorf("%s is not described: its package has an entry for each route in describe*.go", r.Key())
		}
		hasBody := r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch
		if !hasBody && op.Body != nil {
			t.Errorf("%s is described with a body", r.Key())
		}
	}
	for key := range operations {
		if !slices.ContainsFunc(s.Routes(), func(r v4.Route) bool { return r.Key() == key }) {
			t.Errorf("%s is described and is no route", key)
		}
	}
}

// TestServedDescription checks that the description is the golden file, and served without credentials.
func TestServedDescription(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	respond := func(method string) *httptest.ResponseRecorder { // without credentials
		w := httptest.NewRecorder()
		f.Handler.ServeHTTP(w, httptest.NewRequest(method, openapi.Path, nil))
		return w
	}
	w := respond(http.MethodGet)
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, w.Body.Bytes(), "", "  "); err != nil || w.Code != http.StatusOK ||
		w.Header().Get("Content-Type") != "application/json" {
		t.Fatal(w.Code, w.Header(), err)
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
		t.Errorf("the description is not %s; run go test ./api -update and review the difference", golden)
	}
	if w := respond(http.MethodPost); w.Code != http.StatusMethodNotAllowed ||
		w.Header().Get("Allow") != "GET" {
		t.Errorf("POST: %d %s", w.Code, w.Body)
	}
}

// TestDescriptionIsValid checks the description against the schema of OpenAPI 3.1, the schemas in it, and that each
// operation has a name of its own.
func TestDescriptionIsValid(t *testing.T) {
	d := apitest.Description(t)
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
		err = s.Validate(d.Document)
	}
	if err != nil {
		t.Error(err)
	}
	names := map[any]string{}
	for path, item := range d.Document["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			if method == "parameters" {
				continue
			}
			id := apitest.At(op, "operationId")
			if id == nil || names[id] != "" {
				t.Errorf("%s %s and %s both have the operationId %v", method, path, names[id], id)
			}
			names[id] = method + " " + path
			for code, response := range apitest.At(op, "responses").(map[string]any) {
				contents, _ := apitest.At(response, "content").(map[string]any)
				for kind := range contents {
					if apitest.At(contents, kind, "schema") == nil {
						continue
					}
					_, err := d.Schema("paths", path, method, "responses", code, "content", kind, "schema")
					if err != nil {
						t.Error(err)
					}
				}
			}
		}
	}
}
