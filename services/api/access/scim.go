package access

import (
	"encoding/json"
	"slices"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// SCIM provisioning is stored but not performed (api/README.md 3.3). Configurations that Cloudflare rejects are
// rejected here too: clients rely on the check, and such a configuration would not work at Cloudflare.

const scimMember = "scim_config"

// scimSchemas is the prefix of the schemas of mappings (RFC 7643, 10.3).
const scimSchemas = "urn:ietf:params:scim:schemas:"

// scimNeeds holds the members that each authentication scheme requires. The secrets among them are not stored.
var scimNeeds = map[string]struct{ members, secrets []string }{
	"httpbasic":            {[]string{"user"}, []string{"password"}},
	"oauthbearertoken":     {nil, []string{"token"}},
	"oauth2":               {[]string{"client_id", "authorization_url", "token_url"}, []string{"client_secret"}},
	"access_service_token": {[]string{"client_id"}, []string{"client_secret"}},
}

// checkSCIM checks an application's scim_config. A change that keeps a scheme may omit its secrets.
func checkSCIM(body v4.Object, old *proto.Application) error {
	scim, err := body.Member(scimMember)
	if err != nil || len(scim) == 0 {
		return err
	}
	if err := checkMappings(scim); err != nil {
		return err
	}
	ways, err := scimWays(scim)
	if err != nil {
		return err
	}
	var before []v4.Object
	if old != nil {
		was, _ := v4.Decode(old.Sent).Member(scimMember)
		before, _ = scimWays(was)
	}
	for _, way := range ways {
		if err := checkWay(way, before); err != nil {
			return err
		}
	}
	return nil
}

// scimWays returns the authentications of a SCIM configuration, which may be an object or a list.
func scimWays(scim v4.Object) (ways []v4.Object, err error) {
	if !scim.Has("authentication") {
		return nil, nil
	}
	if one, err := scim.Member("authentication"); err == nil {
		return []v4.Object{one}, nil
	}
	if json.Unmarshal(scim["authentication"], &ways) != nil {
		return nil, v4.Invalid("scim_config.authentication must be an object or a list of objects")
	}
	return ways, nil
}

func checkWay(way v4.Object, before []v4.Object) error {
	scheme, err := way.Text("scheme")
	if err != nil {
		return v4.Invalid("scim_config.authentication.scheme must be a string")
	}
	if scheme == "" {
		return nil
	}
	needs, known := scimNeeds[strings.ToLower(scheme)]
	if !known {
		return v4.Invalid("scim_config.authentication.scheme must be one of %s", strings.Join(v4.SortedKeys(scimNeeds), ", "))
	}
	missing := func(name string) bool { v, err := way.Text(name); return err != nil || v == "" }
	for _, name := range needs.members {
		if missing(name) {
			return required(name)
		}
	}
	had := slices.ContainsFunc(before, func(o v4.Object) bool {
		was, _ := o.Text("scheme")
		return strings.EqualFold(was, scheme)
	})
	for _, name := range needs.secrets {
		if missing(name) && !had {
			return required(name)
		}
	}
	return nil
}

// required returns the error about a missing member. It starts with Cloudflare's words, which clients match; Terraform
// breaks the message into lines, but not there.
func required(name string) error {
	return v4.Invalid("%s is a required field of scim_config.authentication", name)
}

func checkMappings(scim v4.Object) error {
	if !scim.Has("mappings") {
		return nil
	}
	var mappings []v4.Object
	if json.Unmarshal(scim["mappings"], &mappings) != nil {
		return v4.Invalid("scim_config.mappings must be a list of objects")
	}
	for n, m := range mappings {
		schema, err := m.Text("schema")
		if rest, ok := strings.CutPrefix(strings.ToLower(schema), scimSchemas); err != nil || !ok || rest == "" {
			return v4.Invalid("invalid SCIM schema in mappings: scim_config.mappings[%d].schema must be one such as "+
				"%score:2.0:User", n, scimSchemas)
		}
		strictness, err := m.Text("strictness")
		if err != nil || !slices.Contains([]string{"", "strict", "passthrough"}, strings.ToLower(strictness)) {
			return v4.Invalid("scim_config.mappings[%d].strictness must be strict or passthrough", n)
		}
	}
	return nil
}
