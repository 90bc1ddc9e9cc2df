package v6

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/cloudflare/cloudflare-go/v6"
	"github.com/cloudflare/cloudflare-go/v6/option"
	"github.com/cloudflare/cloudflare-go/v6/zero_trust"
	"plumbline.dev/test/scorer"
	"plumbline.dev/test/sdk/world"
)

// enforcement returns the extension members of a posture rule, which the SDK does not know.
func enforcement() map[string]any {
	return map[string]any{"x_mode": "observe", "x_recover_score": 90.5, "x_grace": "14d",
		"x_breaker":     map[string]any{"share": 0.1, "floor": 3., "window": "30m", "max_hold": "2h"},
		"x_remediation": "Start the *agent*."}
}

// sending returns options that add members to a request.
func sending(members map[string]any) (all []option.RequestOption) {
	for name, value := range members {
		all = append(all, option.WithJSONSet(name, value))
	}
	return all
}

// shows checks the members of an object that the SDK read.
func shows(t *testing.T, raw string, want map[string]any) {
	t.Helper()
	var have map[string]any
	if err := json.Unmarshal([]byte(raw), &have); err != nil {
		t.Fatal(err)
	}
	for name, value := range want {
		if !reflect.DeepEqual(have[name], value) {
			t.Errorf("%s is %v, want %v, in %s", name, have[name], value, raw)
		}
	}
}

// A PUT of the SDK, which does not know the members for enforcement, keeps them.
func TestSDKv6KeepsEnforcement(t *testing.T) {
	w, ctx := world.Start(t)
	client := cloudflare.NewClient(option.WithBaseURL(w.Base), option.WithAPIToken(w.Token),
		option.WithHTTPClient(w.Only(t)), option.WithMaxRetries(0)).ZeroTrust
	posture, organizations := client.Devices.Posture, client.Organizations
	account := cloudflare.F(w.Account)
	api := &scorer.API{ClientID: "0123456789abcdef0123456789abcdef.access", ClientSecret: "the-secret"}
	integration := world.Must[*zero_trust.Integration](t)(posture.Integrations.New(ctx,
		zero_trust.DevicePostureIntegrationNewParams{AccountID: account, Name: cloudflare.F("scores"),
			Interval: cloudflare.F("10m"), Type: cloudflare.F(zero_trust.DevicePostureIntegrationNewParamsTypeCustomS2s),
			Config: cloudflare.F[zero_trust.DevicePostureIntegrationNewParamsConfigUnion](
				zero_trust.DevicePostureIntegrationNewParamsConfigTeamsDevicesCustomS2sConfigRequest{
					APIURL: cloudflare.F(api.Listen(t)), AccessClientID: cloudflare.F(api.ClientID),
					AccessClientSecret: cloudflare.F(api.ClientSecret)})}))
	input := cloudflare.F[zero_trust.DeviceInputUnionParam](zero_trust.DeviceInputTeamsDevicesCustomS2sInputRequestParam{
		ConnectionID: cloudflare.F(integration.ID), Score: cloudflare.F(70.),
		Operator: cloudflare.F(zero_trust.DeviceInputTeamsDevicesCustomS2sInputRequestOperatorGreaterOrEquals)})
	made := world.Must[*zero_trust.DevicePostureRule](t)(posture.New(ctx,
		zero_trust.DevicePostureNewParams{AccountID: account, Name: cloudflare.F("score"),
			Type: cloudflare.F(zero_trust.DevicePostureNewParamsTypeCustomS2s), Input: input}, sending(enforcement())...))
	shows(t, made.JSON.RawJSON(), enforcement())
	world.Must[*zero_trust.DevicePostureRule](t)(posture.Update(ctx, made.ID,
		zero_trust.DevicePostureUpdateParams{AccountID: account, Name: cloudflare.F("renamed"),
			Type: cloudflare.F(zero_trust.DevicePostureUpdateParamsTypeCustomS2s), Input: input}))
	got := world.Must[*zero_trust.DevicePostureRule](t)(
		posture.Get(ctx, made.ID, zero_trust.DevicePostureGetParams{AccountID: account}))
	want := enforcement()
	want["name"] = "renamed"
	shows(t, got.JSON.RawJSON(), want)

	breaker := map[string]any{"x_breaker": map[string]any{"share": 0.3, "max_hold": "1d"}}
	world.Must[*zero_trust.Organization](t)(organizations.New(ctx, zero_trust.OrganizationNewParams{AccountID: account,
		Name: cloudflare.F("Example"), AuthDomain: cloudflare.F("example.cloudflareaccess.com")}, sending(breaker)...))
	world.Must[*zero_trust.Organization](t)(organizations.Update(ctx,
		zero_trust.OrganizationUpdateParams{AccountID: account, Name: cloudflare.F("Renamed")}))
	organization := world.Must[*zero_trust.Organization](t)(
		organizations.List(ctx, zero_trust.OrganizationListParams{AccountID: account}))
	breaker["name"] = "Renamed"
	shows(t, organization.JSON.RawJSON(), breaker)
}
