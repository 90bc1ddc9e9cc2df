// Code generated from ../v6/tokens_test.go by go test ./sdk/v7 -update; DO NOT EDIT.

package v7

import (
	"testing"
	"time"

	legacy "github.com/cloudflare/cloudflare-go"
	"github.com/cloudflare/cloudflare-go/v7"
	"github.com/cloudflare/cloudflare-go/v7/accounts"
	"github.com/cloudflare/cloudflare-go/v7/audit_logs"
	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/shared"
	"github.com/cloudflare/cloudflare-go/v7/zero_trust"
	"plumbline.dev/test/sdk/world"
)

// The SDK makes a token that may do little, uses it as token and as key, rolls it and ends it; then it reads in
// the audit log what was done.
func TestSDKv7Tokens(t *testing.T) {
	w, ctx := world.Start(t)
	as := func(opts ...option.RequestOption) *cloudflare.Client {
		return cloudflare.NewClient(append([]option.RequestOption{option.WithBaseURL(w.Base),
			option.WithHTTPClient(w.Only(t)), option.WithMaxRetries(0)}, opts...)...)
	}
	admin, account := as(option.WithAPIToken(w.Token)), cloudflare.F(w.Account)
	groups := admin.Accounts.Tokens.PermissionGroups.ListAutoPaging(ctx,
		accounts.TokenPermissionGroupListParams{AccountID: account, Name: cloudflare.F("Access: Service Tokens Read")})
	found := world.Walk[accounts.TokenPermissionGroupListResponse](t, groups)
	if len(found) != 1 || len(found[0].Scopes) != 1 {
		t.Fatalf("groups %+v", found)
	}
	policy := shared.TokenPolicyParam{
		Effect:           cloudflare.F(shared.TokenPolicyEffectAllow),
		PermissionGroups: cloudflare.F([]shared.TokenPolicyPermissionGroupParam{{ID: cloudflare.F(found[0].ID)}}),
		Resources: cloudflare.F[shared.TokenPolicyResourcesUnionParam](
			shared.TokenPolicyResourcesIAMResourcesTypeObjectStringParam{"com.cloudflare.api.account." + w.Account: "*"}),
	}
	expires := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	made := world.Must[*accounts.TokenNewResponse](t)(
		admin.Accounts.Tokens.New(ctx, accounts.TokenNewParams{AccountID: account, Name: cloudflare.F("reader"),
			Policies: cloudflare.F([]shared.TokenPolicyParam{policy}), ExpiresOn: cloudflare.F(expires),
			Condition: cloudflare.F(accounts.TokenNewParamsCondition{RequestIP: cloudflare.F(
				accounts.TokenNewParamsConditionRequestIP{In: cloudflare.F([]string{"127.0.0.0/8", "::1"})})})}))
	if made.Value == "" || made.Status != accounts.TokenNewResponseStatusActive || !made.ExpiresOn.Equal(expires) ||
		len(made.Condition.RequestIP.In) != 2 ||
		made.Policies[0].PermissionGroups[0].Name != "Access: Service Tokens Read" {
		t.Errorf("made %+v", made)
	}

	reader := as(option.WithAPIToken(made.Value))
	list := func(c *cloudflare.Client) error {
		_, err := c.ZeroTrust.Access.ServiceTokens.List(ctx, zero_trust.AccessServiceTokenListParams{AccountID: account})
		return err
	}
	if err := list(reader); err != nil {
		t.Error(err)
	}
	if _, err := reader.ZeroTrust.Access.ServiceTokens.New(ctx,
		zero_trust.AccessServiceTokenNewParams{AccountID: account, Name: cloudflare.F("x")}); refused(err) != "403/9109" {
		t.Errorf("a write: %v", err)
	}
	if me := world.Must[*accounts.TokenVerifyResponse](t)(reader.Accounts.Tokens.Verify(ctx,
		accounts.TokenVerifyParams{AccountID: account})); me.ID != made.ID || me.Status != "active" {
		t.Errorf("verified %+v", me)
	}
	if me, err := reader.User.Tokens.Verify(ctx); err != nil || me.ID != made.ID {
		t.Errorf("verified %+v, %v", me, err)
	}

	// A key is a token that was made for an address, which the SDK has no member for.
	changed := world.Must[*shared.Token](t)(admin.Accounts.Tokens.Update(ctx, made.ID,
		accounts.TokenUpdateParams{AccountID: account, Token: shared.TokenParam{
			Name: cloudflare.F("reader"), Policies: cloudflare.F([]shared.TokenPolicyParam{policy}),
			Status: cloudflare.F(shared.TokenStatusActive)}},
		option.WithJSONSet("x_email", "reader@example.com")))
	if changed.ID != made.ID || !changed.ExpiresOn.IsZero() || len(changed.Condition.RequestIP.In) > 0 {
		t.Errorf("changed %+v", changed)
	}
	if err := list(as(option.WithAPIToken(""), option.WithAPIKey(made.Value),
		option.WithAPIEmail("reader@example.com"))); err != nil {
		t.Errorf("as a key, beside an empty token: %v", err)
	}
	if err := list(as(option.WithAPIKey(made.Value), option.WithAPIEmail("other@example.com"))); refused(
		err) != "403/10000" {
		t.Errorf("beside another address: %v", err)
	}
	if err := list(as(option.WithUserServiceKey(made.Value))); err != nil {
		t.Errorf("as a user service key: %v", err)
	}
	old := world.Must[*legacy.API](t)(legacy.New(made.Value, "reader@example.com", legacy.BaseURL(w.Base),
		legacy.HTTPClient(w.Only(t)), legacy.UsingRetryPolicy(0, 0, 0)))
	if _, _, err := old.ListAccessServiceTokens(ctx, legacy.AccountIdentifier(w.Account),
		legacy.ListAccessServiceTokensParams{}); err != nil {
		t.Errorf("the SDK v0, with a key: %v", err)
	}

	value := world.Must[*shared.TokenValue](t)(admin.Accounts.Tokens.Value.Update(ctx, made.ID,
		accounts.TokenValueUpdateParams{AccountID: account, Body: map[string]any{}}))
	if err := list(as(option.WithAPIToken(*value))); err != nil {
		t.Errorf("the new value: %v", err)
	}
	if err := list(reader); refused(err) != "403/10000" {
		t.Errorf("the old value: %v", err)
	}
	if all := world.Walk[shared.Token](t, admin.Accounts.Tokens.ListAutoPaging(ctx,
		accounts.TokenListParams{AccountID: account, PerPage: cloudflare.F(1.)})); len(all) != 2 {
		t.Errorf("%d tokens", len(all))
	}
	world.Must[*accounts.TokenDeleteResponse](t)(admin.Accounts.Tokens.Delete(ctx, made.ID,
		accounts.TokenDeleteParams{AccountID: account}))
	if _, err := admin.Accounts.Tokens.Get(ctx, made.ID,
		accounts.TokenGetParams{AccountID: account}); refused(err) != "404/1001" {
		t.Error(err)
	}

	log := world.Walk[shared.AuditLog](t,
		admin.AuditLogs.ListAutoPaging(ctx, audit_logs.AuditLogListParams{AccountID: account, PerPage: cloudflare.F(2.),
			Direction: cloudflare.F(audit_logs.AuditLogListParamsDirectionAsc),
			Since:     cloudflare.F[audit_logs.AuditLogListParamsSinceUnion](shared.UnionTime(time.Now().Add(-time.Hour)))}))
	actions := ""
	for _, e := range log {
		if e.Resource.ID == made.ID {
			actions += e.Action.Type + " "
			if !e.Action.Result || e.Resource.Type != "api_token" || e.Actor.IP != "127.0.0.1" ||
				time.Since(e.When) > time.Minute || e.NewValue == "" && e.OldValue == "" {
				t.Errorf("logged %+v", e)
			}
		}
	}
	if actions != "create update roll delete " {
		t.Errorf("logged %s", actions)
	}
	newer := admin.Accounts.Logs.Audit.ListAutoPaging(ctx,
		accounts.LogAuditListParams{AccountID: account, Since: cloudflare.F(time.Now().AddDate(0, 0, -1)),
			Before: cloudflare.F(time.Now().AddDate(0, 0, 2)), Limit: cloudflare.F(2.),
			ActionType: cloudflare.F(accounts.LogAuditListParamsActionType{
				Not: cloudflare.F([]accounts.LogAuditListParamsActionTypeNot{accounts.LogAuditListParamsActionTypeNotDelete})})})
	actions = ""
	for _, e := range world.Walk(t, newer) {
		if e.Resource.ID == made.ID {
			actions += e.Action.Type + " "
			if e.Actor.Context != "api_token" || e.Actor.IPAddress != "127.0.0.1" || e.Account.ID != w.Account ||
				time.Since(e.Action.Time) > time.Minute {
				t.Errorf("logged %+v", e)
			}
		}
	}
	if actions != "roll update create " {
		t.Errorf("logged %s", actions)
	}
}
