package v0

import (
	"errors"
	"testing"
	"time"

	legacy "github.com/cloudflare/cloudflare-go"
	"plumbline.dev/test/sdk/world"
)

func TestSDKv0(t *testing.T) {
	w, ctx := world.Start(t)
	api := world.Must[*legacy.API](t)(legacy.NewWithAPIToken(w.Token, legacy.BaseURL(w.Base), legacy.HTTPClient(w.Only(t)),
		legacy.UsingRateLimit(1000), legacy.UsingRetryPolicy(0, 0, 0)))
	account := legacy.AccountIdentifier(w.Account)
	var missing *legacy.NotFoundError

	t.Run("service tokens", func(t *testing.T) {
		made := world.Must[legacy.AccessServiceTokenCreateResponse](t)(api.CreateAccessServiceToken(ctx, account,
			legacy.CreateAccessServiceTokenParams{Name: "poller", Duration: "forever"}))
		if made.ClientSecret == "" || made.ClientSecretVersion != 1 || made.ExpiresAt == nil {
			t.Errorf("made %+v", made)
		}
		renamed := world.Must[legacy.AccessServiceTokenUpdateResponse](t)(api.UpdateAccessServiceToken(ctx, account,
			legacy.UpdateAccessServiceTokenParams{UUID: made.ID, Name: "renamed"}))
		if renamed.Name != "renamed" || renamed.ClientSecret != "" || renamed.Duration != "forever" {
			t.Errorf("renamed %+v", renamed)
		}
		grace := time.Now().Add(time.Hour)
		raised := world.Must[legacy.AccessServiceTokenUpdateResponse](t)(api.UpdateAccessServiceToken(ctx, account,
			legacy.UpdateAccessServiceTokenParams{UUID: made.ID, Name: "renamed",
				Duration: "24h", ClientSecretVersion: 2, PreviousClientSecretExpiresAt: &grace}))
		if raised.ClientSecret == "" || raised.PreviousClientSecretExpiresAt == nil ||
			raised.PreviousClientSecretExpiresAt.Sub(grace).Abs() > time.Millisecond {
			t.Errorf("raised %+v", raised)
		}
		refreshed := world.Must[legacy.AccessServiceTokenRefreshResponse](t)(api.RefreshAccessServiceToken(ctx, account,
			made.ID))
		if refreshed.ExpiresAt.Sub(*raised.ExpiresAt) != 8760*time.Hour {
			t.Errorf("refreshed %v, before %v", refreshed.ExpiresAt, raised.ExpiresAt)
		}
		rotated := world.Must[legacy.AccessServiceTokenRotateResponse](t)(api.RotateAccessServiceToken(ctx, account, made.ID))
		if rotated.ClientSecret == "" || rotated.ClientSecret == raised.ClientSecret || rotated.ClientID != made.ClientID {
			t.Errorf("rotated %+v", rotated)
		}
		all, _, err := api.ListAccessServiceTokens(ctx, account, legacy.ListAccessServiceTokensParams{})
		if err != nil || len(all) != 1 || all[0].LastSeenAt != nil {
			t.Errorf("list %+v, %v", all, err)
		}
		world.Must[legacy.AccessServiceTokenUpdateResponse](t)(api.DeleteAccessServiceToken(ctx, account, made.ID))
		if _, err := api.DeleteAccessServiceToken(ctx, account, made.ID); !errors.As(err, &missing) {
			t.Error(err)
		}
	})

	t.Run("groups", func(t *testing.T) {
		everyone := []any{map[string]any{"everyone": map[string]any{}}}
		made := world.Must[legacy.AccessGroup](t)(
			api.CreateAccessGroup(ctx, account, legacy.CreateAccessGroupParams{Name: "all", Include: everyone}))
		changed := world.Must[legacy.AccessGroup](t)(api.UpdateAccessGroup(ctx, account,
			legacy.UpdateAccessGroupParams{ID: made.ID, Name: "everybody", Include: everyone, Exclude: []any{
				map[string]any{"ip": map[string]any{"ip": "192.0.2.0/24"}}}}))
		got := world.Must[legacy.AccessGroup](t)(api.GetAccessGroup(ctx, account, made.ID))
		if got.Name != "everybody" || len(got.Exclude) != 1 || changed.ID != made.ID {
			t.Errorf("read %+v", got)
		}
		for range 30 { // more than a page of this client
			world.Must[legacy.AccessGroup](t)(
				api.CreateAccessGroup(ctx, account, legacy.CreateAccessGroupParams{Name: "more", Include: everyone}))
		}
		all, _, err := api.ListAccessGroups(ctx, account, legacy.ListAccessGroupsParams{})
		if err != nil || len(all) != 31 {
			t.Errorf("%d groups, %v", len(all), err)
		}
		for _, g := range all {
			if err := api.DeleteAccessGroup(ctx, account, g.ID); err != nil {
				t.Error(err)
			}
		}
	})

	t.Run("applications and policies", func(t *testing.T) {
		world.Must[legacy.AccessTag](t)(api.CreateAccessTag(ctx, account, legacy.CreateAccessTagParams{Name: "one"}))
		yes := true
		app := world.Must[legacy.AccessApplication](t)(api.CreateAccessApplication(ctx, account,
			legacy.CreateAccessApplicationParams{Name: "Scores", Domain: "scores.example.com",
				Type: legacy.SelfHosted, SessionDuration: "1h", ServiceAuth401Redirect: &yes, Tags: []string{"one"}}))
		if len(app.AUD) != 64 || len(app.Destinations) != 1 || len(app.Tags) != 1 {
			t.Errorf("made %+v", app)
		}
		own := world.Must[legacy.AccessPolicy](t)(api.CreateAccessPolicy(ctx, account,
			legacy.CreateAccessPolicyParams{ApplicationID: app.ID, Name: "own", Decision: "non_identity",
				Precedence: 1, Include: []any{map[string]any{"any_valid_service_token": map[string]any{}}}}))
		shared := world.Must[legacy.AccessPolicy](t)(
			api.CreateAccessPolicy(ctx, account, legacy.CreateAccessPolicyParams{Name: "shared", Decision: "allow",
				Include: []any{map[string]any{"email_domain": map[string]any{"domain": "example.com"}}}}))
		changed := world.Must[legacy.AccessApplication](t)(api.UpdateAccessApplication(ctx, account,
			legacy.UpdateAccessApplicationParams{ID: app.ID, Name: "Renamed", Domain: "scores.example.com",
				Type: legacy.SelfHosted, Policies: &[]string{shared.ID, own.ID}}))
		if changed.AUD != app.AUD || len(changed.Policies) != 2 || changed.Policies[0].ID != shared.ID ||
			changed.ServiceAuth401Redirect != nil {
			t.Errorf("changed %+v", changed)
		}
		policies, _, err := api.ListAccessPolicies(ctx, account, legacy.ListAccessPoliciesParams{ApplicationID: app.ID})
		if err != nil || len(policies) != 2 || policies[1].Precedence != 2 {
			t.Errorf("policies %+v, %v", policies, err)
		}
		moved := world.Must[legacy.AccessPolicy](t)(api.UpdateAccessPolicy(ctx, account,
			legacy.UpdateAccessPolicyParams{ApplicationID: app.ID, PolicyID: own.ID, Name: "mine",
				Decision: "non_identity", Precedence: 5, Include: own.Include}))
		if moved.Precedence != 5 || moved.Name != "mine" {
			t.Errorf("moved %+v", moved)
		}
		if got := world.Must[legacy.AccessPolicy](t)(api.GetAccessPolicy(ctx, account,
			legacy.GetAccessPolicyParams{PolicyID: shared.ID})); got.Reusable == nil || !*got.Reusable {
			t.Errorf("read %+v", got)
		}
		if err := api.RevokeAccessApplicationTokens(ctx, account, app.ID); err != nil {
			t.Error(err)
		}
		apps, _, err := api.ListAccessApplications(ctx, account, legacy.ListAccessApplicationsParams{})
		if err != nil || len(apps) != 1 {
			t.Errorf("applications %+v, %v", apps, err)
		}
		if err := api.DeleteAccessPolicy(ctx, account,
			legacy.DeleteAccessPolicyParams{ApplicationID: app.ID, PolicyID: own.ID}); err != nil {
			t.Error(err)
		}
		if err := errors.Join(api.DeleteAccessApplication(ctx, account, app.ID),
			api.DeleteAccessPolicy(ctx, account, legacy.DeleteAccessPolicyParams{PolicyID: shared.ID}),
			api.DeleteAccessTag(ctx, account, "one")); err != nil {
			t.Error(err)
		}
		if _, err := api.GetAccessApplication(ctx, account, app.ID); !errors.As(err, &missing) {
			t.Error(err)
		}
	})

	t.Run("identity providers", func(t *testing.T) {
		config := legacy.AccessIdentityProviderConfiguration{ClientID: "plumbline", ClientSecret: "a-secret",
			AuthURL: "https://id.example.com/auth", TokenURL: "https://id.example.com/token",
			CertsURL: "https://id.example.com/certs", Scopes: []string{"openid"}}
		made := world.Must[legacy.AccessIdentityProvider](t)(api.CreateAccessIdentityProvider(ctx, account,
			legacy.CreateAccessIdentityProviderParams{Name: "SSO", Type: "oidc", Config: config}))
		changed := world.Must[legacy.AccessIdentityProvider](t)(api.UpdateAccessIdentityProvider(ctx, account,
			legacy.UpdateAccessIdentityProviderParams{ID: made.ID, Name: "Login", Type: "oidc", Config: config}))
		got := world.Must[legacy.AccessIdentityProvider](t)(api.GetAccessIdentityProvider(ctx, account, made.ID))
		if got.Name != "Login" || got.Config.ClientSecret != "" || got.Config.CertsURL != config.CertsURL ||
			changed.ID != made.ID {
			t.Errorf("read %+v", got)
		}
		all, _, err := api.ListAccessIdentityProviders(ctx, account, legacy.ListAccessIdentityProvidersParams{})
		if err != nil || len(all) != 1 {
			t.Errorf("providers %+v, %v", all, err)
		}
		world.Must[legacy.AccessIdentityProvider](t)(api.DeleteAccessIdentityProvider(ctx, account, made.ID))
	})

	t.Run("organization and keys", func(t *testing.T) {
		world.Must[legacy.AccessOrganization](t)(api.CreateAccessOrganization(ctx, account,
			legacy.CreateAccessOrganizationParams{Name: "Example", AuthDomain: "example.com"}))
		world.Must[legacy.AccessOrganization](t)(api.UpdateAccessOrganization(ctx, account,
			legacy.UpdateAccessOrganizationParams{Name: "Other", AuthDomain: "example.com",
				LoginDesign: legacy.AccessOrganizationLoginDesign{HeaderText: "Hello"}}))
		org, _, err := api.GetAccessOrganization(ctx, account, legacy.GetAccessOrganizationParams{})
		if err != nil || org.Name != "Other" || org.LoginDesign.HeaderText != "Hello" || org.CreatedAt == nil {
			t.Errorf("organization %+v, %v", org, err)
		}
		world.Must[legacy.AccessKeysConfig](t)(api.UpdateAccessKeysConfig(ctx, w.Account,
			legacy.AccessKeysConfigUpdateRequest{KeyRotationIntervalDays: 30}))
		world.Must[legacy.AccessKeysConfig](t)(api.RotateAccessKeys(ctx, w.Account))
		if keys := world.Must[legacy.AccessKeysConfig](t)(
			api.AccessKeysConfig(ctx, w.Account)); keys.KeyRotationIntervalDays != 30 || keys.LastKeyRotationAt.IsZero() {
			t.Errorf("keys %+v", keys)
		}
	})
}
