package apitoken

import (
	"encoding/json"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
)

// Any request for a token is either rejected or valid: the stored token has known permissions, is unchanged after a
// round trip, and is at least as restricted as its condition.
func FuzzAPITokens(f *testing.F) {
	account := proto.Account{1}
	whole := `"com.cloudflare.api.account.` + account.String() + `"`
	for _, body := range []string{
		`{"name":"a","policies":[{"effect":"allow","permission_groups":[{"id":"` + readApps + `"}],"resources":{` + whole +
			`:"*"}}]}`,
		`{"name":"a","policies":[{"effect":"deny","permission_groups":[{"id":"` + writeApps +
			`","meta":{"key":"k"}}],"resources":{"com.cloudflare.api.account.*":"*"}}],"status":"disabled"}`,
		`{"name":"a","policies":[{"effect":"allow","permission_groups":[{"id":"` + readApps + `"}],"resources":{` + whole +
			`:{"com.cloudflare.api.account.zone.*":"*"}}}],
		"expires_on":"2026-04-01T00:00:00Z","not_before":"2026-01-01T00:00:00+02:00","condition":{"request_ip":{"in":["10.1.2.3/8","::1"],"not_in":["10.0.0.1"]}},"x_email":"A@b"}`,
		`{"name":"a","policies":null,"condition":null,"expires_on":null}`, `{}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		body, err := v4.ParseObject(data)
		if err != nil {
			return
		}
		token := proto.APIToken{ID: proto.NewID()}
		if err := applyAPIToken(account, &token, body, 1); err != nil {
			if v4.AsError(err).Status != 400 {
				t.Fatalf("%s: %v", data, err)
			}
			return
		}
		if token.All || len(token.Policies) == 0 || token.Name == "" {
			t.Fatalf("%s made %+v", data, token)
		}
		for _, p := range token.Policies {
			if p.Deny && len(p.Zones) > 0 || len(p.Groups) == 0 || !json.Valid(p.Resources) {
				t.Fatalf("%s made %+v", data, p)
			}
			for _, id := range p.Groups {
				if _, known := permission.Find(id); !known {
					t.Fatalf("%s allows %q", data, id)
				}
			}
		}
		again := token
		if err := applyAPIToken(account, &again, body, 1); err != nil {
			t.Fatalf("%s: the second time %v", data, err)
		}
		for n := range again.Policies {
			again.Policies[n].ID = token.Policies[n].ID
		}
		if jsonText(t, again.AllowFrom) != jsonText(t, token.AllowFrom) || again.ExpiresAt != token.ExpiresAt ||
			MayGive(&token, &again) != nil || MayGive(&again, &token) != nil {
			t.Fatalf("%s made %+v, then %+v", data, token, again)
		}
	})
}
