package apply

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"plumbline.dev/services/internal/ownedmember"
	"plumbline.dev/services/plumb/client"
)

var update = flag.Bool("update", false, "write members.json anew")

// notInDocuments lists members of requests that documents do not have, by kind.
var notInDocuments = map[client.Kind][]string{
	client.KindPolicy:       {"precedence"},    // the order in the application's document
	client.KindServiceToken: {"client_secret"}, // documents have x_client_secret
}

// schema is an OpenAPI schema, as far as members go.
type schema struct {
	Ref        string `json:"$ref"`
	Type       any
	Items      *schema
	AnyOf      []schema
	Required   []string
	Properties map[string]schema
}

type description struct {
	Paths map[string]map[string]struct {
		RequestBody struct {
			Content map[string]struct{ Schema schema }
		}
	}
	Components struct{ Schemas map[string]schema }
}

// TestDescribedMembers compares members.json with the bodies in the description of the API.
func TestDescribedMembers(t *testing.T) {
	text, err := os.ReadFile("../../api/testdata/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var d description
	// parameters of a path are a list in place of an operation
	var raw struct {
		Paths      map[string]map[string]json.RawMessage
		Components json.RawMessage
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		t.Fatal(err)
	}
	for _, operations := range raw.Paths {
		delete(operations, "parameters")
	}
	if text, err = json.Marshal(raw); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	all := map[string][]describedMember{}
	for _, k := range order {
		path := "/client/v4/accounts/{account}" + k.Traits().Path
		if k == client.KindZone {
			path = "/client/v4" + k.Traits().Path
		}
		body := d.Paths[path]["post"].RequestBody.Content["application/json"].Schema
		left := slices.Concat([]string{"name"}, ownedmember.All(), k.Traits().Owned, notInDocuments[k])
		d.add(all, string(k), body, left)
		if all[string(k)] == nil {
			t.Errorf("%s: POST %s has no body with members", k, path)
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(all); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("members.json", out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(out.Bytes(), membersOfAPI) {
		t.Error("members.json is out of date; go test ./plumb/apply -run TestDescribedMembers -update writes it")
	}
	for place, names := range keptMembers {
		for _, name := range names {
			if slices.ContainsFunc(all[place], func(m describedMember) bool { return m.Name == name }) {
				t.Errorf("the API describes %s.%s: remove it from keptMembers", place, name)
			}
		}
	}
}

// add adds the members of a schema, without those that are left out, and of the objects in it.
func (d *description) add(all map[string][]describedMember, place string, s schema, left []string) {
	if s.Ref != "" {
		s = d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	if s.Items != nil {
		s = *s.Items
	}
	if len(s.Properties) == 0 && strings.Contains(place, ".") {
		return
	}
	members := []describedMember{}
	names := slices.Concat(s.Required, slices.Sorted(maps.Keys(s.Properties)))
	for n, name := range names {
		if slices.Contains(left, name) || slices.Contains(names[:n], name) {
			continue
		}
		members = append(members, describedMember{name, typeName(s.Properties[name].Type)})
		rules := slices.Contains(ruleLists, name) || place == string(client.KindApplication) && name == "policies"
		if !rules { // they have checks of their own
			d.add(all, place+"."+name, s.Properties[name], nil)
		}
	}
	all[place] = members
}

// typeName returns the type of a schema as in describedMember. A schema may have a list of types, one of them null.
func typeName(t any) string {
	types, isList := t.([]any)
	if !isList {
		types = []any{t}
	}
	types = slices.DeleteFunc(slices.Clone(types), func(one any) bool { return one == "null" })
	if len(types) != 1 {
		return ""
	}
	switch types[0] {
	case "boolean", "string":
		return types[0].(string)
	case "number", "integer":
		return "number"
	}
	return ""
}
