// Code generated from ../v6/life_test.go by go test ./sdk/v7 -update; DO NOT EDIT.

package v7

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cloudflare/cloudflare-go/v7"
	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/zero_trust"
	"plumbline.dev/test/sdk/world"
)

// refused returns the status and the code of an error of the SDK.
func refused(err error) string {
	var e *cloudflare.Error
	if !errors.As(err, &e) || len(e.Errors) == 0 {
		return fmt.Sprint(err)
	}
	return fmt.Sprintf("%d/%d", e.StatusCode, e.Errors[0].Code)
}

func TestSDKv7(t *testing.T) {
	w, ctx := world.Start(t)
	access := cloudflare.NewClient(option.WithBaseURL(w.Base), option.WithAPIToken(w.Token),
		option.WithHTTPClient(w.Only(t)), option.WithMaxRetries(0)).ZeroTrust
	account := cloudflare.F(w.Account)

	newToken := func(t *testing.T, name string) *zero_trust.AccessServiceTokenNewResponse {
		t.Helper()
		return world.Must[*zero_trust.AccessServiceTokenNewResponse](t)(access.Access.ServiceTokens.New(ctx,
			zero_trust.AccessServiceTokenNewParams{AccountID: account, Name: cloudflare.F(name)}))
	}
	tokenRule := func(id string) zero_trust.AccessRuleUnionParam {
		return zero_trust.ServiceTokenRuleParam{ServiceToken: cloudflare.F(
			zero_trust.ServiceTokenRuleServiceTokenParam{TokenID: cloudflare.F(id)})}
	}
	domainRule := func(domain string) zero_trust.AccessRuleUnionParam {
		return zero_trust.DomainRuleParam{EmailDomain: cloudflare.F(
			zero_trust.DomainRuleEmailDomainParam{Domain: cloudflare.F(domain)})}
	}
	rules := func(all ...zero_trust.AccessRuleUnionParam) []zero_trust.AccessRuleUnionParam { return all }

	t.Run("service tokens", func(t *testing.T) {
		tokens := access.Access.ServiceTokens
		made := newToken(t, "poller")
		if len(made.ClientSecret) != 54 || made.Duration != "8760h" || !strings.HasSuffix(made.ClientID, ".access") {
			t.Errorf("made %+v", made)
		}
		get := func() *zero_trust.ServiceToken {
			t.Helper()
			return world.Must[*zero_trust.ServiceToken](t)(
				tokens.Get(ctx, made.ID, zero_trust.AccessServiceTokenGetParams{AccountID: account}))
		}
		if got := get(); got.ClientID != made.ClientID || time.Until(got.ExpiresAt) < 8759*time.Hour ||
			got.JSON.ExtraFields["client_secret"].Raw() != "" {
			t.Errorf("read %+v", got)
		}
		renamed := world.Must[*zero_trust.ServiceToken](t)(
			tokens.Update(ctx, made.ID, zero_trust.AccessServiceTokenUpdateParams{AccountID: account,
				Name: cloudflare.F("renamed"), Duration: cloudflare.F("8760h"), ClientSecretVersion: cloudflare.F(1.0)}))
		if renamed.Name != "renamed" || renamed.JSON.ExtraFields["client_secret"].Raw() != "" {
			t.Errorf("renamed %+v", renamed)
		}
		grace := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
		raised := world.Must[*zero_trust.ServiceToken](t)(
			tokens.Update(ctx, made.ID, zero_trust.AccessServiceTokenUpdateParams{AccountID: account,
				ClientSecretVersion: cloudflare.F(2.0), PreviousClientSecretExpiresAt: cloudflare.F(grace)}))
		if len(raised.JSON.ExtraFields["client_secret"].Raw()) != 56 ||
			raised.JSON.ExtraFields["previous_client_secret_expires_at"].Raw() != `"`+grace.Format(time.RFC3339)+`"` {
			t.Errorf("raised %s", raised.JSON.RawJSON())
		}
		rotated := world.Must[*zero_trust.AccessServiceTokenRotateResponse](t)(
			tokens.Rotate(ctx, made.ID, zero_trust.AccessServiceTokenRotateParams{AccountID: account}))
		if rotated.ClientSecret == made.ClientSecret || len(rotated.ClientSecret) != 54 || rotated.ClientID != made.ClientID {
			t.Errorf("rotated %+v", rotated)
		}
		before := get().ExpiresAt
		refreshed := world.Must[*zero_trust.ServiceToken](t)(
			tokens.Refresh(ctx, made.ID, zero_trust.AccessServiceTokenRefreshParams{AccountID: account}))
		if got := refreshed.ExpiresAt.Sub(before); got != 8760*time.Hour {
			t.Errorf("refreshed by %v", got)
		}

		for n := range 4 {
			newToken(t, fmt.Sprint("another ", n))
		}
		all := world.Walk(t, tokens.ListAutoPaging(ctx,
			zero_trust.AccessServiceTokenListParams{AccountID: account, PerPage: cloudflare.F[int64](2)}))
		if len(all) != 5 || all[0].ID != made.ID {
			t.Errorf("walked %d", len(all))
		}
		if all := world.Walk(t, tokens.ListAutoPaging(ctx, zero_trust.AccessServiceTokenListParams{AccountID: account})); len(
			all) != 5 {
			t.Errorf("walked %d", len(all))
		}
		if named := world.Walk(t, tokens.ListAutoPaging(ctx,
			zero_trust.AccessServiceTokenListParams{AccountID: account, Name: cloudflare.F("renamed")})); len(named) != 1 {
			t.Errorf("found %d", len(named))
		}
		for _, one := range all {
			gone := world.Must[*zero_trust.ServiceToken](t)(
				tokens.Delete(ctx, one.ID, zero_trust.AccessServiceTokenDeleteParams{AccountID: account}))
			if gone.ID != one.ID {
				t.Errorf("deleted %+v", gone)
			}
		}
		if _, err := tokens.Get(ctx, made.ID, zero_trust.AccessServiceTokenGetParams{AccountID: account}); refused(
			err) != "404/12135" {
			t.Error(refused(err))
		}
		zoned := world.Must[*zero_trust.AccessServiceTokenNewResponse](t)(
			tokens.New(ctx, zero_trust.AccessServiceTokenNewParams{ZoneID: cloudflare.F(w.Zone), Name: cloudflare.F("zoned")}))
		if in := world.Walk(t, tokens.ListAutoPaging(ctx,
			zero_trust.AccessServiceTokenListParams{ZoneID: cloudflare.F(w.Zone)})); len(in) != 1 || in[0].ID != zoned.ID {
			t.Errorf("in the zone: %+v", in)
		}
		world.Must[*zero_trust.ServiceToken](t)(
			tokens.Delete(ctx, zoned.ID, zero_trust.AccessServiceTokenDeleteParams{ZoneID: cloudflare.F(w.Zone)}))
	})

	t.Run("groups and reusable policies", func(t *testing.T) {
		token := newToken(t, "grouped")
		group := world.Must[*zero_trust.AccessGroupNewResponse](t)(
			access.Access.Groups.New(ctx, zero_trust.AccessGroupNewParams{AccountID: account,
				Name: cloudflare.F("pollers"), Include: cloudflare.F(rules(tokenRule(token.ID))), IsDefault: cloudflare.F(false)}))
		groupRule :=
			zero_trust.GroupRuleParam{Group: cloudflare.F(zero_trust.GroupRuleGroupParam{ID: cloudflare.F(group.ID)})}
		policy := world.Must[*zero_trust.AccessPolicyNewResponse](t)(
			access.Access.Policies.New(ctx, zero_trust.AccessPolicyNewParams{AccountID: account,
				Name: cloudflare.F("by group"), Decision: cloudflare.F(zero_trust.DecisionNonIdentity),
				Include: cloudflare.F(rules(groupRule)), Exclude: cloudflare.F(rules(domainRule("example.com"))),
				SessionDuration: cloudflare.F("30m")}))
		if rule, ok := policy.Include[0].AsUnion().(zero_trust.GroupRule); !ok || rule.Group.ID != group.ID ||
			policy.SessionDuration != "30m" || len(policy.Exclude) != 1 || !bool(policy.Reusable) {
			t.Errorf("made %s", policy.JSON.RawJSON())
		}
		changed := world.Must[*zero_trust.AccessGroupUpdateResponse](t)(access.Access.Groups.Update(ctx, group.ID,
			zero_trust.AccessGroupUpdateParams{AccountID: account,
				Name: cloudflare.F("people"), Include: cloudflare.F(rules(domainRule("example.org"), tokenRule(token.ID)))}))
		if got := world.Must[*zero_trust.AccessGroupGetResponse](t)(access.Access.Groups.Get(ctx, group.ID,
			zero_trust.AccessGroupGetParams{AccountID: account})); got.Name != "people" || len(got.Include) != 2 ||
			changed.ID != got.ID {
			t.Errorf("read %s", got.JSON.RawJSON())
		}
		if all := world.Walk(t,
			access.Access.Groups.ListAutoPaging(ctx, zero_trust.AccessGroupListParams{AccountID: account})); len(all) != 1 {
			t.Errorf("%d groups", len(all))
		}
		if _, err := access.Access.ServiceTokens.Delete(ctx, token.ID,
			zero_trust.AccessServiceTokenDeleteParams{AccountID: account}); refused(err) != "400/12139" {
			t.Error(refused(err))
		}
		if _, err := access.Access.Groups.Delete(ctx, group.ID,
			zero_trust.AccessGroupDeleteParams{AccountID: account}); refused(err) != "409/10409" {
			t.Error(refused(err))
		}
		updated := world.Must[*zero_trust.AccessPolicyUpdateResponse](t)(access.Access.Policies.Update(ctx, policy.ID,
			zero_trust.AccessPolicyUpdateParams{AccountID: account,
				Name: cloudflare.F("by domain"), Decision: cloudflare.F(zero_trust.DecisionAllow),
				Include: cloudflare.F(rules(domainRule("example.com")))}))
		if updated.Decision != zero_trust.DecisionAllow || len(updated.Exclude) != 0 {
			t.Errorf("updated %s", updated.JSON.RawJSON())
		}
		if all := world.Walk(t, access.Access.Policies.ListAutoPaging(ctx,
			zero_trust.AccessPolicyListParams{AccountID: account, PerPage: cloudflare.F[int64](1)})); len(all) != 1 {
			t.Errorf("%d policies", len(all))
		}
		world.Must[*zero_trust.AccessPolicyGetResponse](t)(access.Access.Policies.Get(ctx, policy.ID,
			zero_trust.AccessPolicyGetParams{AccountID: account}))
		world.Must[*zero_trust.AccessPolicyDeleteResponse](t)(access.Access.Policies.Delete(ctx, policy.ID,
			zero_trust.AccessPolicyDeleteParams{AccountID: account}))
		world.Must[*zero_trust.AccessGroupDeleteResponse](t)(access.Access.Groups.Delete(ctx, group.ID,
			zero_trust.AccessGroupDeleteParams{AccountID: account}))
		if _, err := access.Access.Groups.Get(ctx, group.ID, zero_trust.AccessGroupGetParams{AccountID: account}); refused(
			err) != "404/12152" {
			t.Error(refused(err))
		}
		world.Must[*zero_trust.ServiceToken](t)(access.Access.ServiceTokens.Delete(ctx, token.ID,
			zero_trust.AccessServiceTokenDeleteParams{AccountID: account}))
	})

	t.Run("tags", func(t *testing.T) {
		tags := access.Access.Tags
		world.Must[*zero_trust.Tag](t)(
			tags.New(ctx, zero_trust.AccessTagNewParams{AccountID: account, Name: cloudflare.F("one")}))
		world.Must[*zero_trust.Tag](t)(
			tags.New(ctx, zero_trust.AccessTagNewParams{AccountID: account, Name: cloudflare.F("two")}))
		if renamed := world.Must[*zero_trust.Tag](t)(tags.Update(ctx, "two",
			zero_trust.AccessTagUpdateParams{AccountID: account, Name: cloudflare.F("three")})); renamed.Name != "three" {
			t.Errorf("renamed %+v", renamed)
		}
		if all := world.Walk(t, tags.ListAutoPaging(ctx, zero_trust.AccessTagListParams{AccountID: account})); len(all) != 2 {
			t.Errorf("%d tags", len(all))
		}
		world.Must[*zero_trust.Tag](t)(tags.Get(ctx, "three", zero_trust.AccessTagGetParams{AccountID: account}))
		if gone := world.Must[*zero_trust.AccessTagDeleteResponse](t)(
			tags.Delete(ctx, "three", zero_trust.AccessTagDeleteParams{AccountID: account})); gone.Name != "three" {
			t.Errorf("deleted %+v", gone)
		}
		if _, err := tags.Get(ctx, "two", zero_trust.AccessTagGetParams{AccountID: account}); refused(err) != "404/12135" {
			t.Error(refused(err))
		}
	})

	var provider string
	t.Run("identity providers", func(t *testing.T) {
		config := zero_trust.IdentityProviderAccessOIDCConfigParam{ClientID: cloudflare.F("plumbline"),
			ClientSecret: cloudflare.F("a-secret"), AuthURL: cloudflare.F("https://id.example.com/auth"),
			TokenURL: cloudflare.F("https://id.example.com/token"), CERTsURL: cloudflare.F("https://id.example.com/certs"),
			Scopes: cloudflare.F([]string{"openid", "email"}), Claims: cloudflare.F([]string{"groups"}),
			EmailClaimName: cloudflare.F("mail"), PKCEEnabled: cloudflare.F(true)}
		body := func(name string) zero_trust.IdentityProviderAccessOIDCParam {
			return zero_trust.IdentityProviderAccessOIDCParam{Name: cloudflare.F(name),
				Type: cloudflare.F(zero_trust.IdentityProviderTypeOIDC), Config: cloudflare.F(config)}
		}
		made := world.Must[*zero_trust.IdentityProvider](t)(access.IdentityProviders.New(ctx,
			zero_trust.IdentityProviderNewParams{AccountID: account, IdentityProvider: body("SSO")}))
		provider = made.ID
		read := world.Must[*zero_trust.IdentityProvider](t)(access.IdentityProviders.Get(ctx, made.ID,
			zero_trust.IdentityProviderGetParams{AccountID: account}))
		// The SDK takes the config of every provider for that of an Azure AD: what it read says more.
		var got struct {
			Config map[string]any `json:"config"`
		}
		if err := json.Unmarshal([]byte(read.JSON.RawJSON()), &got); err != nil ||
			read.Type != zero_trust.IdentityProviderTypeOIDC || got.Config["client_id"] != "plumbline" ||
			got.Config["client_secret"] != nil || got.Config["email_claim_name"] != "mail" ||
			got.Config["pkce_enabled"] != true || len(got.Config) != 8 {
			t.Errorf("read %s", read.JSON.RawJSON())
		}
		config.ClientSecret = cloudflare.F("another-secret")
		changed := world.Must[*zero_trust.IdentityProvider](t)(access.IdentityProviders.Update(ctx, made.ID,
			zero_trust.IdentityProviderUpdateParams{AccountID: account, IdentityProvider: body("Login")}))
		if changed.Name != "Login" || strings.Contains(changed.JSON.RawJSON(), "secret") {
			t.Errorf("changed %s", changed.JSON.RawJSON())
		}
		pin := world.Must[*zero_trust.IdentityProvider](t)(
			access.IdentityProviders.New(ctx, zero_trust.IdentityProviderNewParams{AccountID: account,
				IdentityProvider: zero_trust.IdentityProviderAccessOnetimepinParam{Name: cloudflare.F("PIN"),
					Type:   cloudflare.F(zero_trust.IdentityProviderTypeOnetimepin),
					Config: cloudflare.F(zero_trust.IdentityProviderAccessOnetimepinConfigParam{})}}))
		if all := world.Walk(t, access.IdentityProviders.ListAutoPaging(ctx,
			zero_trust.IdentityProviderListParams{AccountID: account})); len(all) != 2 {
			t.Errorf("%d providers", len(all))
		}
		world.Must[*zero_trust.IdentityProviderDeleteResponse](t)(access.IdentityProviders.Delete(ctx, pin.ID,
			zero_trust.IdentityProviderDeleteParams{AccountID: account}))
	})

	t.Run("applications", func(t *testing.T) {
		apps := access.Access.Applications
		token := newToken(t, "caller")
		policy := world.Must[*zero_trust.AccessPolicyNewResponse](t)(
			access.Access.Policies.New(ctx, zero_trust.AccessPolicyNewParams{AccountID: account,
				Name: cloudflare.F("callers"), Decision: cloudflare.F(zero_trust.DecisionNonIdentity),
				Include: cloudflare.F(rules(tokenRule(token.ID)))}))
		made := world.Must[*zero_trust.AccessApplicationNewResponse](t)(
			apps.New(ctx, zero_trust.AccessApplicationNewParams{AccountID: account,
				Body: zero_trust.AccessApplicationNewParamsBodySelfHostedApplication{
					Name: cloudflare.F("Scores"), Domain: cloudflare.F("scores.example.com/v1"),
					Type: cloudflare.F(zero_trust.ApplicationTypeSelfHosted), SessionDuration: cloudflare.F("1h"),
					ServiceAuth401Redirect: cloudflare.F(true), ReadServiceTokensFromHeader: cloudflare.F("Authorization"),
					AllowedIdPs: cloudflare.F([]zero_trust.AllowedIdPsParam{provider}), Tags: cloudflare.F([]string{"one"}),
					SameSiteCookieAttribute: cloudflare.F("lax"),
					CORSHeaders: cloudflare.F(zero_trust.CORSHeadersParam{AllowedMethods: cloudflare.F(
						[]zero_trust.AllowedMethods{zero_trust.AllowedMethodsGet}), AllowAllOrigins: cloudflare.F(true),
						MaxAge: cloudflare.F(10.0)}),
					Policies: cloudflare.F([]zero_trust.AccessApplicationNewParamsBodySelfHostedApplicationPolicyUnion{
						zero_trust.AccessApplicationNewParamsBodySelfHostedApplicationPoliciesAccessAppPolicyLink{ID: cloudflare.F(
							policy.ID), Precedence: cloudflare.F[int64](1)}}),
				}}, option.WithJSONSet("x_origin_url", "http://127.0.0.1:1")))
		app, ok := made.AsUnion().(zero_trust.AccessApplicationNewResponseSelfHostedApplication)
		if !ok || len(app.AUD) != 64 || app.Domain != "scores.example.com/v1" || len(app.Policies) != 1 ||
			app.Policies[0].Name != "callers" || !app.ServiceAuth401Redirect ||
			app.CORSHeaders.MaxAge != 10 || len(app.AllowedIdPs) != 1 || app.SameSiteCookieAttribute != "lax" {
			t.Errorf("made %T %s", made.AsUnion(), made.JSON.RawJSON())
		}
		changed := world.Must[*zero_trust.AccessApplicationUpdateResponse](t)(
			apps.Update(ctx, made.ID, zero_trust.AccessApplicationUpdateParams{AccountID: account,
				Body: zero_trust.AccessApplicationUpdateParamsBodySelfHostedApplication{Name: cloudflare.F("Renamed"),
					Domain: cloudflare.F("other.example.com"), Type: cloudflare.F(zero_trust.ApplicationTypeSelfHosted)}}))
		if changed.AUD != app.AUD || changed.Name != "Renamed" || changed.ServiceAuth401Redirect ||
			!strings.Contains(changed.JSON.RawJSON(), "x_origin_url") {
			t.Errorf("changed %s", changed.JSON.RawJSON())
		}
		settings := world.Must[*zero_trust.AccessApplicationSettingEditResponse](t)(apps.Settings.Edit(ctx, made.ID,
			zero_trust.AccessApplicationSettingEditParams{AccountID: account, AllowIframe: cloudflare.F(true)}))
		if got := world.Must[*zero_trust.AccessApplicationGetResponse](t)(apps.Get(ctx, made.ID,
			zero_trust.AccessApplicationGetParams{AccountID: account})); !settings.AllowIframe || !got.AllowIframe {
			t.Errorf("settings %+v, read %s", settings, got.JSON.RawJSON())
		}
		world.Must[*zero_trust.AccessApplicationRevokeTokensResponse](t)(
			apps.RevokeTokens(ctx, made.ID, zero_trust.AccessApplicationRevokeTokensParams{AccountID: account}))

		// The SDK's parameters of an application's policy know no name, decision and rules.
		whole := func(name string) []option.RequestOption {
			return []option.RequestOption{option.WithJSONSet("name", name), option.WithJSONSet("decision", "non_identity"),
				option.WithJSONSet("include", []any{map[string]any{"any_valid_service_token": map[string]any{}}})}
		}
		own := world.Must[*zero_trust.AccessApplicationPolicyNewResponse](t)(
			apps.Policies.New(ctx, made.ID, newOwn(w.Account, 7), whole("own")...))
		moved := world.Must[*zero_trust.AccessApplicationPolicyUpdateResponse](t)(apps.Policies.Update(ctx, made.ID, own.ID,
			changedOwn(w.Account, 3), whole("mine")...))
		if own.Precedence != 7 || moved.Precedence != 3 || moved.Name != "mine" || moved.ID != own.ID {
			t.Errorf("made %s, moved %s", own.JSON.RawJSON(), moved.JSON.RawJSON())
		}
		if all := world.Walk(t,
			apps.Policies.ListAutoPaging(ctx, made.ID, zero_trust.AccessApplicationPolicyListParams{AccountID: account,
				PerPage: cloudflare.F[int64](1)})); len(all) != 2 || all[1].ID != own.ID {
			t.Errorf("%d policies", len(all))
		}
		world.Must[*zero_trust.AccessApplicationPolicyGetResponse](t)(apps.Policies.Get(ctx, made.ID, own.ID,
			zero_trust.AccessApplicationPolicyGetParams{AccountID: account}))
		world.Must[*zero_trust.AccessApplicationPolicyDeleteResponse](t)(apps.Policies.Delete(ctx, made.ID, own.ID,
			zero_trust.AccessApplicationPolicyDeleteParams{AccountID: account}))

		for n := range 2 {
			world.Must[*zero_trust.AccessApplicationNewResponse](t)(
				apps.New(ctx, zero_trust.AccessApplicationNewParams{AccountID: account,
					Body: zero_trust.AccessApplicationNewParamsBodyBookmarkApplication{Name: cloudflare.F(fmt.Sprint("bookmark ", n)),
						Domain: cloudflare.F("https://wiki.example.com"), Type: cloudflare.F(zero_trust.ApplicationTypeBookmark)}}))
		}
		all := world.Walk(t, apps.ListAutoPaging(ctx,
			zero_trust.AccessApplicationListParams{AccountID: account, PerPage: cloudflare.F[int64](2)}))
		if len(all) != 3 {
			t.Errorf("%d applications", len(all))
		}
		for _, one := range all {
			world.Must[*zero_trust.AccessApplicationDeleteResponse](t)(
				apps.Delete(ctx, one.ID, zero_trust.AccessApplicationDeleteParams{AccountID: account}))
		}
		if _, err := apps.Get(ctx, made.ID, zero_trust.AccessApplicationGetParams{AccountID: account}); refused(
			err) != "404/11021" {
			t.Error(refused(err))
		}
		world.Must[*zero_trust.IdentityProviderDeleteResponse](t)(access.IdentityProviders.Delete(ctx, provider,
			zero_trust.IdentityProviderDeleteParams{AccountID: account}))
	})

	t.Run("organization", func(t *testing.T) {
		if org := world.Must[*zero_trust.Organization](t)(
			access.Organizations.List(ctx, zero_trust.OrganizationListParams{AccountID: account})); org.AuthDomain == "" {
			t.Errorf("by default %s", org.JSON.RawJSON())
		}
		made := world.Must[*zero_trust.Organization](t)(
			access.Organizations.New(ctx, zero_trust.OrganizationNewParams{AccountID: account, Name: cloudflare.F("Example"),
				AuthDomain: cloudflare.F("example.cloudflareaccess.com")}))
		changed := world.Must[*zero_trust.Organization](t)(
			access.Organizations.Update(ctx, zero_trust.OrganizationUpdateParams{AccountID: account, Name: cloudflare.F("Other"),
				SessionDuration: cloudflare.F("12h"),
				LoginDesign:     cloudflare.F(zero_trust.LoginDesignParam{HeaderText: cloudflare.F("Hello")})}))
		if made.Name != "Example" || changed.Name != "Other" || changed.SessionDuration != "12h" ||
			changed.LoginDesign.HeaderText != "Hello" || changed.JSON.ExtraFields["strict_service_token_auth"].Raw() != "true" {
			t.Errorf("made %s, changed %s", made.JSON.RawJSON(), changed.JSON.RawJSON())
		}
		revoked := world.Must[*zero_trust.OrganizationRevokeUsersResponse](t)(
			access.Organizations.RevokeUsers(ctx, zero_trust.OrganizationRevokeUsersParams{AccountID: account,
				Email: cloudflare.F("ada@example.com"), QueryDevices: cloudflare.F(true), BodyDevices: cloudflare.F(true),
				UserUID:           cloudflare.F("f174e90a-fafe-4643-bbbc-4a0ed4fc8415"),
				WARPSessionReauth: cloudflare.F(true)}))
		if !bool(*revoked) {
			t.Error("the person's sessions have not ended")
		}
	})

	t.Run("keys", func(t *testing.T) {
		keys := access.Access.Keys
		before := world.Must[*zero_trust.AccessKeyGetResponse](t)(
			keys.Get(ctx, zero_trust.AccessKeyGetParams{AccountID: account}))
		if before.KeyRotationIntervalDays != 42 || before.DaysUntilNextRotation != 42 ||
			time.Since(before.LastKeyRotationAt) > time.Minute {
			t.Errorf("read %s", before.JSON.RawJSON())
		}
		changed := world.Must[*zero_trust.AccessKeyUpdateResponse](t)(
			keys.Update(ctx, zero_trust.AccessKeyUpdateParams{AccountID: account, KeyRotationIntervalDays: cloudflare.F(30.0)}))
		if changed.KeyRotationIntervalDays != 30 || changed.DaysUntilNextRotation != 30 {
			t.Errorf("changed %s", changed.JSON.RawJSON())
		}
		world.Must[*zero_trust.AccessKeyRotateResponse](t)(
			keys.Rotate(ctx, zero_trust.AccessKeyRotateParams{AccountID: account}))
		if _, err := keys.Update(ctx, zero_trust.AccessKeyUpdateParams{AccountID: account,
			KeyRotationIntervalDays: cloudflare.F(5.0)}); refused(err) != "400/12130" {
			t.Error(refused(err))
		}
	})
}
