package cloudflare_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"plumbline.dev/services/plumb/apply"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/cloudflare"
	"plumbline.dev/services/plumb/document"
)

const resourceText = `{"mode":"managed","type":%q,"name":"r","instances":[{"attributes":%s}]}`

// stateText is a state with resources, each a type and its attributes.
func stateText(resources ...[2]string) []byte {
	var all []string
	for _, r := range resources {
		all = append(all, fmt.Sprintf(resourceText, r[0], r[1]))
	}
	return []byte(`{"version":4,"resources":[` + strings.Join(all, ",") + `]}`)
}

// Every selector of both versions of the provider, in include, exclude and require, as the API has it.
func TestSelectorsAreConverted(t *testing.T) {
	for theirs, want := range map[string]string{
		// Version 4: lists of values, blocks, switches.
		`{"email":["a@x.org","b@x.org"]}`:                                                    `[{"email":{"email":"a@x.org"}},{"email":{"email":"b@x.org"}}]`,
		`{"email_domain":["x.org"]}`:                                                         `[{"email_domain":{"domain":"x.org"}}]`,
		`{"email_list":["l"],"ip_list":["m"]}`:                                               `[{"email_list":{"id":"l"}},{"ip_list":{"id":"m"}}]`,
		`{"ip":["10.0.0.0/8"],"geo":["DE"]}`:                                                 `[{"geo":{"country_code":"DE"}},{"ip":{"ip":"10.0.0.0/8"}}]`,
		`{"group":["g"],"service_token":["t"]}`:                                              `[{"group":{"id":"g"}},{"service_token":{"token_id":"t"}}]`,
		`{"device_posture":["p"],"login_method":["i"]}`:                                      `[{"device_posture":{"integration_uid":"p"}},{"login_method":{"id":"i"}}]`,
		`{"common_name":"c"}`:                                                                `[{"common_name":{"common_name":"c"}}]`,
		`{"common_names":["c","d"]}`:                                                         `[{"common_name":{"common_name":"c"}},{"common_name":{"common_name":"d"}}]`,
		`{"auth_method":"hwk"}`:                                                              `[{"auth_method":{"auth_method":"hwk"}}]`,
		`{"everyone":true}`:                                                                  `[{"everyone":{}}]`,
		`{"certificate":true,"any_valid_service_token":true}`:                                `[{"any_valid_service_token":{}},{"certificate":{}}]`,
		`{"gsuite":[{"email":["a","b"],"identity_provider_id":"i"}]}`:                        `[{"gsuite":{"email":"a","identity_provider_id":"i"}},{"gsuite":{"email":"b","identity_provider_id":"i"}}]`,
		`{"github":[{"name":"o","teams":[],"identity_provider_id":"i"}]}`:                    `[{"github-organization":{"name":"o","identity_provider_id":"i"}}]`,
		`{"azure":[{"id":["a"],"identity_provider_id":"i"}]}`:                                `[{"azureAD":{"id":"a","identity_provider_id":"i"}}]`,
		`{"okta":[{"name":["n"],"identity_provider_id":"i"}]}`:                               `[{"okta":{"name":"n","identity_provider_id":"i"}}]`,
		`{"saml":[{"attribute_name":"a","attribute_value":"v","identity_provider_id":"i"}]}`: `[{"saml":{"attribute_name":"a","attribute_value":"v","identity_provider_id":"i"}}]`,
		`{"external_evaluation":[{"evaluate_url":"https://e","keys_url":"https://k"}]}`:      `[{"external_evaluation":{"evaluate_url":"https://e","keys_url":"https://k"}}]`,
		`{"auth_context":[{"id":"a","ac_id":"c","identity_provider_id":"i"}]}`:               `[{"auth_context":{"id":"a","ac_id":"c","identity_provider_id":"i"}}]`,
		// Version 4 writes every selector.
		`{"email":[],"everyone":false,"common_name":"","gsuite":[],"group":["g"],"auth_method":null}`: `[{"group":{"id":"g"}}]`,
		// Version 5: objects.
		`{"email":{"email":"a@x.org"},"group":null}`: `[{"email":{"email":"a@x.org"}}]`,
		`{"everyone":{}}`: `[{"everyone":{}}]`,
		`{"azure_ad":{"id":"a","identity_provider_id":"i"}}`:                          `[{"azureAD":{"id":"a","identity_provider_id":"i"}}]`,
		`{"github_organization":{"name":"o","team":null,"identity_provider_id":"i"}}`: `[{"github-organization":{"name":"o","identity_provider_id":"i"}}]`,
		`{"oidc":{"claim_name":"c","claim_value":"v","identity_provider_id":"i"}}`:    `[{"oidc":{"claim_name":"c","claim_value":"v","identity_provider_id":"i"}}]`,
		`{"linked_app_token":{"app_uid":"u"}}`:                                        `[{"linked_app_token":{"app_uid":"u"}}]`,
		`{"user_risk_score":{"user_risk_score":["low","medium"]}}`:                    `[{"user_risk_score":{"user_risk_score":["low","medium"]}}]`,
		`{"cloudflare_account_member":{"account_id":"a"}}`:                            `[{"cloudflare_account_member":{"account_id":"a"}}]`,
		`{"service_token":{"token_id":"t"}}`:                                          `[{"service_token":{"token_id":"t"}}]`,
	} {
		for _, part := range []string{"include", "exclude", "require"} {
			attributes := fmt.Sprintf(`{"id":"1","name":"p","decision":"allow","include":[{"everyone":true}],%q:[%s]}`,
				part, theirs)
			found, leftOut, err := cloudflare.Terraform(stateText([2]string{"cloudflare_access_policy", attributes}))
			if err != nil || len(leftOut) > 0 || len(found[client.KindPolicy]) != 1 {
				t.Errorf("%s %s: %v, left out %q", part, theirs, err, leftOut)
				continue
			}
			var should any
			if err := json.Unmarshal([]byte(want), &should); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(should, found[client.KindPolicy][0][part]); diff != "" {
				t.Errorf("%s %s: %s", part, theirs, diff)
			}
		}
	}
}

// A policy or a group with a rule that cannot be brought over is left out, and the omission has its address.
func TestUnsupportedRulesAreLeftOut(t *testing.T) {
	for theirs, want := range map[string]string{
		`{"future":"x"}`:                                    "[0].future: unknown selector",
		`{"future":["x","y"]}`:                              "[0].future: unknown selector",
		`{"future":{"a":"b"}}`:                              "[0].future: unknown selector",
		`{"future":[{"a":["b"]}]}`:                          "[0].future: unknown selector",
		`{"future":true}`:                                   "[0].future: unknown selector",
		`{"future":7}`:                                      "[0].future: unknown selector",
		`{"future":{}}`:                                     "[0].future: unknown selector",
		`{"email":["a@x.org"],"future":["x"]}`:              "[0].future: unknown selector",
		`{"email":true}`:                                    "[0].email: unexpected value true",
		`{"email":7}`:                                       "[0].email: unexpected form of the value",
		`{"email":[["a@x.org"]]}`:                           "[0].email: unexpected form of the value",
		`{"email":["a@x.org",""]}`:                          `[0].email: unexpected value ""`,
		`{"email":{"address":"a@x.org"}}`:                   "[0].email: email is missing",
		`{"everyone":"yes"}`:                                `[0].everyone: unexpected value "yes"`,
		`{"okta":[{"name":[],"identity_provider_id":"i"}]}`: "[0].okta: name is missing",
		`{"gsuite":[{"email":["a"]}]}`:                      "[0].gsuite: identity_provider_id is missing",
		`"everyone"`:                                        "[0]: not a rule",
	} {
		for _, part := range []string{"include", "exclude", "require"} {
			for _, kind := range []string{"cloudflare_access_policy", "cloudflare_zero_trust_access_policy",
				"cloudflare_access_group"} {
				attributes := fmt.Sprintf(`{"id":"1","name":"p","include":[{"everyone":true}],%q:[%s]}`, part, theirs)
				found, leftOut, err := cloudflare.Terraform(
					stateText([2]string{kind, attributes}, [2]string{"cloudflare_access_tag", `{"name":"t"}`}))
				if err != nil || len(found[client.KindPolicy])+len(found[client.KindGroup]) != 0 ||
					!strings.Contains(strings.Join(leftOut, "\n"), kind+".r: "+part+want) {
					t.Errorf("%s %s: found %v, left out %q, %v", part, theirs, found, leftOut, err)
				}
			}
		}
	}
}

// exported returns the documents of a state, and the omitted parts.
func exported(t *testing.T, text []byte) (docs, leftOut string) {
	t.Helper()
	found, all, err := cloudflare.Terraform(text)
	if err != nil {
		t.Fatal(err)
	}
	written, err := document.Write(apply.Export(found)...)
	if err != nil {
		t.Fatal(err)
	}
	return string(written), strings.Join(all, "\n")
}

const app1 = `{"id":"aaaaaaaa-0000-4000-8000-000000000001","name":"app","domain":"a.example.com"`

// A policy of an application is never omitted silently.
func TestPoliciesOfApplications(t *testing.T) {
	own := func(name, decision, app, rules string, precedence int) [2]string {
		return [2]string{"cloudflare_access_policy",
			fmt.Sprintf(
				`{"id":"bbbbbbbb-0000-4000-8000-00000000000%d","name":%q,"decision":%q,"application_id":%q,"precedence":%d,"include":[%s]}`,
				precedence, name, decision, app, precedence, rules)}
	}
	id := "aaaaaaaa-0000-4000-8000-000000000001"
	reusable := [2]string{"cloudflare_zero_trust_access_policy",
		`{"id":"cccccccc-0000-4000-8000-000000000001","name":"linked","decision":"allow","include":[{"everyone":{}}]}`}

	t.Run("in another state", func(t *testing.T) {
		docs, leftOut := exported(t, stateText([2]string{"cloudflare_access_application", app1 + `}`},
			own("d", "deny", "elsewhere", `{"everyone":true}`, 1)))
		if strings.Contains(docs, "deny") ||
			!strings.Contains(leftOut, "cloudflare_access_policy.r: its application elsewhere is not in this state") {
			t.Errorf("%s\n%s", docs, leftOut)
		}
	})
	t.Run("linked and own", func(t *testing.T) {
		for _, links := range []string{`["cccccccc-0000-4000-8000-000000000001"]`,
			`[{"id":"cccccccc-0000-4000-8000-000000000001","precedence":1}]`,
			`["cccccccc-0000-4000-8000-000000000001","bbbbbbbb-0000-4000-8000-000000000002"]`} {
			docs, leftOut := exported(t,
				stateText([2]string{"cloudflare_access_application", app1 + `,"policies":` + links + `}`},
					own("second", "deny", id, `{"everyone":true}`, 2), own("first", "deny", id, `{"everyone":true}`, 1), reusable))
			first, linked, second := strings.Index(docs, "name: first"), strings.LastIndex(docs, "- linked"),
				strings.Index(docs, "name: second")
			if leftOut != "" || first < 0 || linked < first || second < linked || strings.Count(docs, "name: second") != 1 {
				t.Errorf("%s: %s\n%s", links, docs, leftOut)
			}
		}
	})
	t.Run("linked in another state", func(t *testing.T) {
		docs, leftOut := exported(t, stateText([2]string{"cloudflare_access_application",
			app1 + `,"policies":["cccccccc-0000-4000-8000-000000000009"]}`}))
		if !strings.Contains(docs, "cccccccc-0000-4000-8000-000000000009") ||
			!strings.Contains(leftOut, "its policy cccccccc-0000-4000-8000-000000000009 is not in this state") {
			t.Errorf("%s\n%s", docs, leftOut)
		}
	})
	t.Run("own with an unsupported rule", func(t *testing.T) {
		docs, leftOut := exported(t, stateText([2]string{"cloudflare_access_application", app1 + `}`},
			own("block", "deny", id, `{"future":"x"}`, 1), own("everyone", "allow", id, `{"everyone":true}`, 2)))
		// The application still refers to the policy: plumb apply rejects it.
		if !strings.Contains(docs, "- bbbbbbbb-0000-4000-8000-000000000001") || strings.Contains(docs, "block") ||
			!strings.Contains(leftOut, "include[0].future") {
			t.Errorf("%s\n%s", docs, leftOut)
		}
	})
	t.Run("in the application, with an unsupported rule", func(t *testing.T) {
		_, leftOut, err := cloudflare.Terraform(stateText([2]string{"cloudflare_zero_trust_access_application",
			app1 + `,"policies":[{"name":"own","decision":"allow","include":[{"everyone":{}}],"require":[{"future":{"a":"b"}}]}]}`}))
		if err == nil || len(leftOut) != 2 ||
			!strings.Contains(leftOut[0], "policies[0].require[0].future: unknown selector") {
			t.Errorf("%v, %q", err, leftOut)
		}
	})
	t.Run("a group with an unsupported rule", func(t *testing.T) {
		docs, leftOut := exported(t,
			stateText([2]string{"cloudflare_access_group", `{"id":"g","name":"g","include":[{"future":["x"]}]}`},
				[2]string{"cloudflare_access_policy", `{"id":"p","name":"p","decision":"deny","include":[{"group":["g"]}]}`}))
		if strings.Contains(docs, "kind: group") || !strings.Contains(docs, "The group g was not found") ||
			!strings.Contains(leftOut, "cloudflare_access_group.r") {
			t.Errorf("%s\n%s", docs, leftOut)
		}
	})
}

// The state of a module and of count and for_each names its instances as Terraform does.
func TestAddresses(t *testing.T) {
	_, leftOut, err := cloudflare.Terraform([]byte(`{"version":4,"resources":[
		{"module":"module.m[0]","mode":"managed","type":"cloudflare_access_policy","name":"p","instances":[
			{"index_key":0,"attributes":{"id":"1","name":"p","include":[{"future":"x"}]}},
			{"index_key":"k","attributes":{"id":"2","name":"q","include":[{"future":"x"}]}}]},
		{"mode":"managed","type":"cloudflare_access_mutual_tls_certificate","name":"c","instances":[{"attributes":{}}]},
		{"mode":"managed","type":"cloudflare_zero_trust_organization","name":"o","instances":[{"attributes":{}}]},
		{"mode":"data","type":"cloudflare_zero_trust_access_group","name":"d","instances":[{"attributes":{}}]}]}`))
	all := strings.Join(leftOut, "\n")
	for _, want := range []string{"module.m[0].cloudflare_access_policy.p[0]: ",
		`module.m[0].cloudflare_access_policy.p["k"]: `, "cloudflare_access_mutual_tls_certificate.c: ", "cloudflare_zero_trust_organization.o: "} {
		if !strings.Contains(all, want) {
			t.Errorf("%s is not in\n%s", want, all)
		}
	}
	if err == nil || strings.Contains(err.Error(), "has no resources") || strings.Contains(all, ".d") {
		t.Errorf("%v\n%s", err, all)
	}
}

func TestOnlyAnEmptyStateHasNoResource(t *testing.T) {
	for text, want := range map[string]string{
		`{"version":4,"resources":[]}`: "has no resources",
		`{"version":4,"resources":[{"mode":"managed","type":"aws_instance","name":"a","instances":[{"attributes":{}}]}]}`: "the Terraform state has no Cloudflare Access or device posture resources, only aws_instance",
		string(stateText([2]string{"cloudflare_access_policy",
			`{"id":"1","name":"p","application_id":"x","include":[{"everyone":true}]}`})): "no resource in the Terraform state can be exported",
	} {
		if _, _, err := cloudflare.Terraform([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
