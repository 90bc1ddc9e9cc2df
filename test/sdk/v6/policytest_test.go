package v6

import (
	"strings"
	"testing"
	"time"

	"github.com/cloudflare/cloudflare-go/v6"
	"github.com/cloudflare/cloudflare-go/v6/option"
	"github.com/cloudflare/cloudflare-go/v6/shared"
	"github.com/cloudflare/cloudflare-go/v6/zero_trust"
	"plumbline.dev/test/sdk/world"
)

// TestSDKv6PolicyTests checks the SDK's methods for policy tests, with policies by id and in the body.
func TestSDKv6PolicyTests(t *testing.T) {
	w, ctx := world.Start(t)
	// The SDK repeats a request that is answered 429; the other answers are final.
	access := cloudflare.NewClient(option.WithBaseURL(w.Base), option.WithAPIToken(w.Token),
		option.WithHTTPClient(w.Only(t)), option.WithMaxRetries(2)).ZeroTrust.Access
	account := cloudflare.F(w.Account)
	w.StoreLogins(ctx, t, "ada@example.com", "bob@example.com", "eve@example.org", "guest@example.com")

	domain := func(domain string) zero_trust.AccessRuleUnionParam {
		return zero_trust.DomainRuleParam{EmailDomain: cloudflare.F(
			zero_trust.DomainRuleEmailDomainParam{Domain: cloudflare.F(domain)})}
	}
	stored := world.Must[*zero_trust.AccessPolicyNewResponse](t)(access.Policies.New(ctx,
		zero_trust.AccessPolicyNewParams{AccountID: account, Name: cloudflare.F("nobody of the other domain"),
			Decision: cloudflare.F(zero_trust.DecisionDeny),
			Include:  cloudflare.F([]zero_trust.AccessRuleUnionParam{domain("example.org")})}))
	tests := access.Applications.PolicyTests
	begun := world.Must[*zero_trust.AccessApplicationPolicyTestNewResponse](t)(tests.New(ctx,
		zero_trust.AccessApplicationPolicyTestNewParams{AccountID: account,
			Policies: cloudflare.F([]zero_trust.AccessApplicationPolicyTestNewParamsPolicyUnion{
				shared.UnionString(stored.ID),
				zero_trust.AccessApplicationPolicyTestNewParamsPoliciesObject{
					Name: cloudflare.F("staff"), Decision: cloudflare.F(zero_trust.DecisionAllow),
					Include: cloudflare.F([]zero_trust.AccessRuleUnionParam{domain("example.com")}),
					Exclude: cloudflare.F([]zero_trust.AccessRuleUnionParam{zero_trust.EmailRuleParam{
						Email: cloudflare.F(zero_trust.EmailRuleEmailParam{Email: cloudflare.F("guest@example.com")})}}),
				}})}))
	if begun.Status != zero_trust.AccessApplicationPolicyTestNewResponseStatusSuccess {
		t.Fatalf("begun: %+v", begun)
	}

	var got *zero_trust.AccessApplicationPolicyTestGetResponse
	for {
		got = world.Must[*zero_trust.AccessApplicationPolicyTestGetResponse](t)(
			tests.Get(ctx, begun.ID, zero_trust.AccessApplicationPolicyTestGetParams{AccountID: account}))
		if got.Status != zero_trust.AccessApplicationPolicyTestGetResponseStatusProcessing {
			break
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("after the time of the test, %+v", got)
		}
	}
	if got.Status != zero_trust.AccessApplicationPolicyTestGetResponseStatusComplete || got.ID != begun.ID ||
		got.TotalUsers != 4 || got.UsersApproved != 2 || got.UsersBlocked != 2 || got.UsersErrored != 0 ||
		got.PercentApproved != 50 || got.PercentBlocked != 50 || got.PercentErrored != 0 || got.PercentUsersProcessed != 100 {
		t.Errorf("the test is %+v", got)
	}

	list := func(p zero_trust.AccessApplicationPolicyTestUserListParams) string {
		p.AccountID = account
		var all []string
		for _, u := range world.Walk(t, tests.Users.ListAutoPaging(ctx, begun.ID, p)) {
			if u.ID == "" || u.Name == "" {
				t.Errorf("a user is %+v", u)
			}
			all = append(all, u.Email+" "+string(u.Status))
		}
		return strings.Join(all, ", ")
	}
	const ada, bob, eve, guest = "ada@example.com approved", "bob@example.com approved", "eve@example.org blocked",
		"guest@example.com blocked"
	if all := list(zero_trust.AccessApplicationPolicyTestUserListParams{}); all != strings.Join([]string{ada, bob, eve,
		guest}, ", ") {
		t.Errorf("the users are %s", all)
	}
	if some := list(zero_trust.AccessApplicationPolicyTestUserListParams{PerPage: cloudflare.F(int64(1)),
		Status: cloudflare.F(zero_trust.AccessApplicationPolicyTestUserListParamsStatusFail),
	}); some != eve+", "+guest {
		t.Errorf("the users who fail are %s", some)
	}
	_, err := tests.Get(ctx, stored.ID, zero_trust.AccessApplicationPolicyTestGetParams{AccountID: account})
	if refused(err) != "404/12135" {
		t.Errorf("no test: %v", err)
	}
}
