package docs

import (
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write services/api/COMPATIBILITY.md again")

// openAPI is the part of the description used for the table.
type openAPI struct {
	Paths      map[string]map[string]json.RawMessage `json:"paths"` // by verb; parameters is no verb
	Components struct{ Schemas map[string]schema }   `json:"components"`
}

// operation is an operation's body.
type operation struct {
	Body *struct {
		Content map[string]struct{ Schema schema } `json:"content"`
	} `json:"requestBody"`
}

// schema is an OpenAPI schema, as far as members go.
type schema struct {
	Ref        string            `json:"$ref"`
	Properties map[string]schema `json:"properties"`
	Kept       bool              `json:"x-plumbline-kept"`
}

// TestCompatibilityTable makes the table of services/api/COMPATIBILITY.md from the OpenAPI description that an
// installation serves, and from the tests of the clients.
func TestCompatibilityTable(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	resp, err := http.Get("http://" + f.plumb.API + "/client/v4/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var api openAPI
	if err := json.NewDecoder(resp.Body).Decode(&api); err != nil {
		t.Fatal(err)
	}
	const document = "services/api/COMPATIBILITY.md"
	table := api.table(t)
	if *update {
		if err := os.WriteFile(filepath.Join(root(t), document), []byte(table), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if read(t, document) != table {
		t.Errorf("%s is out of date; go test ./docs -run TestCompatibilityTable -update writes it:\n%s", document, table)
	}
}

const head = `# Compatibility with Cloudflare's v4 API

Generated from the OpenAPI description and from the tests of the clients. An endpoint is below
` + "`/client/v4/accounts/{account}`" + `, and with *zone* below ` + "`/client/v4/zones/{zone}`" + ` too. Fields in the fourth
column are stored and returned, and not served. The clients in the last column are tested with the resource. Endpoints
of Plumbline's own, below ` + "`/plumbline`" + `, are not listed.

| Endpoint | Zone | Verbs | Kept, not served | Clients |
|---|---|---|---|---|
`

func (api *openAPI) table(t *testing.T) string {
	t.Helper()
	var rows []string
	clients := clientSources(t)
	for path, operations := range api.Paths {
		endpoint, account := strings.CutPrefix(path, "/client/v4/accounts/{account}")
		if !account || endpoint == "" || strings.HasPrefix(endpoint, "/plumbline/") {
			continue
		}
		r := resourceOf(endpoint)
		var verbs []string
		zone, kept := "", ""
		for verb, text := range operations {
			if verb == "parameters" {
				continue
			}
			var op operation
			if err := json.Unmarshal(text, &op); err != nil {
				t.Fatal(err)
			}
			verbs = append(verbs, strings.ToUpper(verb))
			if op.Body != nil && endpoint == r.path {
				kept = strings.Join(api.kept(op.Body.Content["application/json"].Schema), ", ")
			}
		}
		sort.Strings(verbs)
		if api.Paths[strings.Replace(path, "/accounts/{account}", "/zones/{zone}", 1)] != nil {
			zone = "yes"
		}
		rows = append(rows, "| `"+endpoint+"` | "+zone+" | "+strings.Join(verbs, ", ")+" | "+kept+" | "+
			strings.Join(r.testedBy(clients), ", ")+" |\n")
	}
	sort.Strings(rows)
	return head + strings.Join(rows, "")
}

// kept returns the members of a body stored and returned without another effect, in order.
func (api *openAPI) kept(body schema) []string {
	if name, ok := strings.CutPrefix(body.Ref, "#/components/schemas/"); ok {
		body = api.Components.Schemas[name]
	}
	var all []string
	for name, member := range body.Properties {
		if member.Kept {
			all = append(all, "`"+name+"`")
		}
	}
	slices.Sort(all)
	return all
}

// clientSources returns the tests of each client, and the sources of plumb, by the names in clients.
func clientSources(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for name, pattern := range map[string]string{"Go v0": "test/sdk/v0/*.go", "Go v6": "test/sdk/v6/*.go",
		"Go v7": "test/sdk/v7/*.go", "TypeScript": "test/clients/node/*.mjs", "Python": "test/clients/*.py",
		"Terraform": "test/terraform/*.go", "plumb": "services/plumb/client/*.go"} {
		files, err := filepath.Glob(filepath.Join(root(t), pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %q, %v", pattern, files, err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all[name] += string(b)
		}
	}
	return all
}

// testedBy returns the clients with the resource's name in their sources.
func (r *resource) testedBy(sources map[string]string) []string {
	var all []string
	for _, client := range clients {
		if word := r.words[client.word]; word != "" && regexp.MustCompile(word).MatchString(sources[client.name]) {
			all = append(all, client.name)
		}
	}
	return all
}
