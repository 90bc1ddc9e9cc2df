package access

import (
	"strings"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

func TestSCIMIsChecked(t *testing.T) {
	const user = `{"schema":"urn:ietf:params:scim:schemas:core:2.0:User"}`
	before := &proto.Application{Sent: []byte(`{"scim_config":{"authentication":{"scheme":"httpbasic","user":"a"}}}`)}
	for scim, want := range map[string]string{
		`null`: "", `{}`: "", `{"enabled":true}`: "",
		`{"mappings":[` + user +
			`]}`: "",
		`{"mappings":[{"schema":"ietf:params:scim:schemas:core:2.0:User"}]}`: "invalid SCIM schema in mappings",
		`{"mappings":[` + user +
			`,{"enabled":true}]}`: "invalid SCIM schema in mappings: scim_config.mappings[1]",
		`{"mappings":[{"schema":"urn:ietf:params:scim:schemas:"}]}`: "invalid SCIM schema in mappings",
		`{"mappings":[{"schema":7}]}`:                               "invalid SCIM schema in mappings",
		`{"mappings":"x"}`:                                          "must be a list of objects",
		`{"mappings":[{"schema":"urn:ietf:params:scim:schemas:core:2.0:User","strictness":"lax"}]}`:                  "must be strict or passthrough",
		`{"authentication":{"scheme":"httpbasic","user":"a","password":"b"}}`:                                        "",
		`{"authentication":{"scheme":"httpbasic","user":"a"}}`:                                                       "password is a required field of scim_config.authentication",
		`{"authentication":{"scheme":"httpbasic","password":"b"}}`:                                                   "user is a required field of scim_config.authentication",
		`{"authentication":{"scheme":"httpbasic","user":"a","password":null}}`:                                       "password is a required field of scim_config.authentication",
		`{"authentication":{"scheme":"oauthbearertoken"}}`:                                                           "token is a required field of scim_config.authentication",
		`{"authentication":{"scheme":"oauth2","client_id":"a","client_secret":"b","authorization_url":"https://a"}}`: "token_url is a required field of scim_config.authentication",
		`{"authentication":{"scheme":"oauth2","client_id":"a","client_secret":"b","token_url":"https://a"}}`:         "authorization_url is a required field of scim_config.authentication",
		`{"authentication":{"scheme":"OAuth2","token_url":"https://a","authorization_url":"https://a"}}`:             "client_id is a required field of scim_config.authentication",
		`{"authentication":[{"scheme":"access_service_token","client_id":"a"}]}`:                                     "client_secret is a required field of scim_config.authentication",
		`{"authentication":[{"scheme":"access_service_token","client_id":"a","client_secret":"b"},` +
			`{"scheme":"oauthbearertoken","token":"t"}]}`: "",
		`{"authentication":{"scheme":"magic"}}`: "scheme must be one of",
		`{"authentication":"x"}`:                "must be an object or a list",
	} {
		body := must(v4.ParseObject([]byte(`{"scim_config":` + scim + `}`)))
		if err := checkSCIM(body, nil); want == "" && err != nil || want != "" &&
			(err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", scim, err, want)
		}
	}
	// A response is sent back without the secret, which no response has. Another scheme needs a new secret.
	if err := checkSCIM(must(v4.ParseObject(before.Sent)), before); err != nil {
		t.Error(err)
	}
	if err := checkSCIM(must(v4.ParseObject([]byte(`{"scim_config":{"authentication":{"scheme":"oauthbearertoken"}}}`))),
		before); err == nil {
		t.Error("another scheme without its secret")
	}
}
