package client

import (
	"encoding/json"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// A resource is created after those it refers to.
func TestKindsComeAfterThoseTheyReferTo(t *testing.T) {
	for _, k := range kinds {
		for to := range k.Kind.RefersTo() {
			if p := position(to); p < 0 || p >= position(k.Kind) {
				t.Errorf("%s refers to %s, which has position %d", k.Kind, to, p)
			}
		}
	}
	if !KindApplication.RefersTo()[KindServiceToken] {
		t.Error("an application refers to no service token: its policies do")
	}
}

// TestKindsMatchTheDescription checks path, method of an update and pages of each kind with the description of the API.
func TestKindsMatchTheDescription(t *testing.T) {
	text, err := os.ReadFile("../../api/testdata/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var description struct {
		Paths map[string]map[string]json.RawMessage // operations by path and method
	}
	if err := json.Unmarshal(text, &description); err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		if k.Path == "" {
			continue
		}
		all := "/client/v4/accounts/{account}" + k.Path
		if k.Path == zonesPath {
			all = "/client/v4" + k.Path
		}
		one := ""
		for p := range description.Paths {
			if parent, last := path.Split(p); p == all && k.Single ||
				parent == all+"/" && strings.HasPrefix(last, "{") {
				one = p
			}
		}
		if one == "" {
			t.Errorf("%s: the API has no %s", k.Kind, all)
			continue
		}
		if _, has := description.Paths[one][strings.ToLower(k.update)]; k.update != "" && !has {
			t.Errorf("%s: the API has no %s %s", k.Kind, k.update, one)
		}
		var list struct{ Parameters []struct{ Name string } }
		if err := json.Unmarshal(description.Paths[all]["get"], &list); err != nil {
			t.Errorf("%s: the API cannot list it: %v", k.Kind, err)
			continue
		}
		paged := slices.ContainsFunc(list.Parameters, func(p struct{ Name string }) bool { return p.Name == "per_page" })
		if paged != k.paged {
			t.Errorf("%s: pages are %v, in the API %v", k.Kind, k.paged, paged)
		}
	}
}
