package v7

import (
	"testing"

	"github.com/cloudflare/cloudflare-go/v7"
	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/zero_trust"
	"plumbline.dev/test/sdk/world"
)

// The parameters of an application's own policies, with another shape in v6.

func newOwn(account string, precedence int64) zero_trust.AccessApplicationPolicyNewParams {
	return zero_trust.AccessApplicationPolicyNewParams{AccountID: cloudflare.F(account),
		Body: zero_trust.AccessApplicationPolicyNewParamsBodyAccessAppPolicyRequest{Precedence: cloudflare.F(precedence)}}
}

func changedOwn(account string, precedence int64) zero_trust.AccessApplicationPolicyUpdateParams {
	return zero_trust.AccessApplicationPolicyUpdateParams{AccountID: cloudflare.F(account),
		Body: zero_trust.AccessApplicationPolicyUpdateParamsBodyAccessAppPolicyRequest{Precedence: cloudflare.F(precedence)}}
}

// Features of v7 missing in v6.
func TestOfV7Alone(t *testing.T) {
	w, ctx := world.Start(t)
	client := cloudflare.NewClient(option.WithBaseURL(w.Base), option.WithAPIToken(w.Token),
		option.WithHTTPClient(w.Only(t)), option.WithMaxRetries(0)).ZeroTrust
	account := cloudflare.F(w.Account)
	tokens := client.Access.ServiceTokens
	made := world.Must[*zero_trust.AccessServiceTokenNewResponse](t)(
		tokens.New(ctx, zero_trust.AccessServiceTokenNewParams{AccountID: account,
			Name: cloudflare.F("off"), Enabled: cloudflare.F(false)}))
	if made.Enabled || made.JSON.Enabled.IsMissing() {
		t.Errorf("made %s", made.JSON.RawJSON())
	}
	changed := world.Must[*zero_trust.ServiceToken](t)(tokens.Update(ctx, made.ID,
		zero_trust.AccessServiceTokenUpdateParams{AccountID: account, Enabled: cloudflare.F(true)}))
	if !changed.Enabled || changed.Name != "off" {
		t.Errorf("changed %s", changed.JSON.RawJSON())
	}
	w.Enrol(ctx, t, 3)
	for _, r := range world.Walk(t,
		client.Devices.Registrations.ListAutoPaging(ctx, zero_trust.DeviceRegistrationListParams{AccountID: account})) {
		if r.JSON.VirtualIPV4.IsMissing() || r.LastSeenAt == "" {
			t.Errorf("listed %s", r.JSON.RawJSON())
		}
	}
}
