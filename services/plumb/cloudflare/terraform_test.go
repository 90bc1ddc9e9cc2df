package cloudflare_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"plumbline.dev/services/plumb/apply"
	"plumbline.dev/services/plumb/cloudflare"
	"plumbline.dev/services/plumb/document"
)

func TestWhatIsNoStateIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "not a Terraform state",
		`{"version": 3}`:                 "has version 3, must be 4",
		`{"version": 4}`:                 "has no resources",
		`{"version": 4, "resources": 1}`: "not a Terraform state",
	} {
		if _, _, err := cloudflare.Terraform([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// Terraform spells some names differently from the API.
func TestNamesAreThoseOfTheAPI(t *testing.T) {
	const text = `{"version":4,"resources":[
		{"mode":"managed","type":"cloudflare_zero_trust_device_posture_rule","instances":[{"attributes":{"id":"1","name":"disk","type":"disk_encryption",
			"input":{"check_disks":["C:"],"require_all":true,"version_operator":">=","count_operator":"<","score_operator":">","sha256":null}}}]},
		{"mode":"managed","type":"cloudflare_zero_trust_access_group","instances":[{"attributes":{"id":"2","name":"five",
			"include":[{"azure_ad":{"id":"a","identity_provider_id":"i"},"email":null}],
			"exclude":[{"github_organization":{"name":"o","team":"t","identity_provider_id":"i"}}]}}]},
		{"mode":"managed","type":"cloudflare_access_group","instances":[{"attributes":{"id":"3","name":"four",
			"include":[{"azure":[{"id":["a","b"],"identity_provider_id":"i"}],"okta":[{"name":["x"],"identity_provider_id":"i"}]}],
			"require":[{"github":[{"name":"o","teams":["t","u"],"identity_provider_id":"i"}]}]}}]},
		{"mode":"managed","type":"cloudflare_zero_trust_access_application","instances":[{"attributes":{"id":"4","name":"app","domain":"a.example.com",
			"policies":[{"name":"own","decision":"allow","include":[{"azure_ad":{"id":"a","identity_provider_id":"i"},"everyone":null}]},{"id":"5","precedence":2}]}}]}
	]}`
	found, _, err := cloudflare.Terraform([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
		"check":[{"id":"1","name":"disk","type":"disk_encryption","input":{"checkDisks":["C:"],"requireAll":true,"versionOperator":">=","countOperator":"<","scoreOperator":">"}}],
		"group":[
			{"id":"2","name":"five","include":[{"azureAD":{"id":"a","identity_provider_id":"i"}}],
				"exclude":[{"github-organization":{"name":"o","team":"t","identity_provider_id":"i"}}],"require":[]},
			{"id":"3","name":"four","include":[{"azureAD":{"id":"a","identity_provider_id":"i"}},{"azureAD":{"id":"b","identity_provider_id":"i"}},{"okta":{"name":"x","identity_provider_id":"i"}}],
				"exclude":[],"require":[{"github-organization":{"name":"o","team":"t","identity_provider_id":"i"}},{"github-organization":{"name":"o","team":"u","identity_provider_id":"i"}}]}],
		"application":[{"id":"4","name":"app","domain":"a.example.com","policies":[
			{"name":"own","decision":"allow","include":[{"azureAD":{"id":"a","identity_provider_id":"i"}}],"exclude":[],"require":[]},{"id":"5","precedence":2}]}]
	}`
	var is, should any
	if err := json.Unmarshal(got, &is); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &should); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(should, is); diff != "" {
		t.Error(diff)
	}
}

// Any state is exported to readable documents without secrets.
func FuzzTerraform(f *testing.F) {
	for _, attributes := range []string{
		`{"id":"1","name":"a","client_id":"x.access","client_secret":"hush"}`,
		`{"id":"1","name":"a","config":[{"client_secret":"hush"}],"input":[{"connection_id":"1"}]}`,
		`{"id":"1","name":"a","include":[{"email":["a"],"everyone":true,"group":"1"}],"policies":[{"id":"1","precedence":1}],"application_id":"1"}`,
		`{"id":1,"name":2,"include":{},"policies":[1,"x",null],"config":[],"allowed_idps":[1]}`,
	} {
		for _, kind := range []string{"access_application", "access_policy", "access_group", "access_service_token",
			"access_identity_provider", "access_tag", "device_posture_rule", "device_posture_integration"} {
			f.Add(kind, attributes)
		}
	}
	f.Fuzz(func(t *testing.T, kind, attributes string) {
		if !json.Valid([]byte(attributes)) {
			return
		}
		name, err := json.Marshal("cloudflare_zero_trust_" + kind)
		if err != nil {
			t.Fatal(err)
		}
		found, _, err := cloudflare.Terraform([]byte(`{"version":4,"resources":[{"mode":"managed","type":` + string(name) +
			`,"instances":[{"attributes":` + attributes + `},{"attributes":` + attributes + `}]}]}`))
		if err != nil {
			return
		}
		text, err := document.Write(apply.Export(found)...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := document.Parse("f", strings.NewReader(string(text))); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if strings.Contains(string(text), "hush") &&
			!strings.Contains(strings.ReplaceAll(attributes, `_secret":"hush"`, ""), "hush") {
			t.Fatalf("a secret:\n%s", text)
		}
	})
}
