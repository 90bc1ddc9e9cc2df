package v6

import (
	"strings"
	"testing"

	"github.com/cloudflare/cloudflare-go/v6"
	"github.com/cloudflare/cloudflare-go/v6/option"
	"github.com/cloudflare/cloudflare-go/v6/zero_trust"
	"plumbline.dev/test/scorer"
	"plumbline.dev/test/sdk/world"
)

func TestSDKv6Posture(t *testing.T) {
	w, ctx := world.Start(t)
	posture := cloudflare.NewClient(option.WithBaseURL(w.Base), option.WithAPIToken(w.Token),
		option.WithHTTPClient(w.Only(t)), option.WithMaxRetries(0)).ZeroTrust.Devices.Posture
	account := cloudflare.F(w.Account)
	api := &scorer.API{ClientID: "0123456789abcdef0123456789abcdef.access", ClientSecret: "the-secret"}
	config := zero_trust.DevicePostureIntegrationNewParamsConfigTeamsDevicesCustomS2sConfigRequest{APIURL: cloudflare.F(
		api.Listen(t)), AccessClientID: cloudflare.F(api.ClientID), AccessClientSecret: cloudflare.F(api.ClientSecret)}
	newIntegration := zero_trust.DevicePostureIntegrationNewParams{AccountID: account, Name: cloudflare.F("scores"),
		Interval: cloudflare.F("10m"), Type: cloudflare.F(zero_trust.DevicePostureIntegrationNewParamsTypeCustomS2s),
		Config: cloudflare.F[zero_trust.DevicePostureIntegrationNewParamsConfigUnion](config)}
	made := world.Must[*zero_trust.Integration](t)(posture.Integrations.New(ctx, newIntegration))
	if made.Config.APIURL != config.APIURL.Value || strings.Contains(made.JSON.RawJSON(), "the-secret") {
		t.Errorf("made %s", made.JSON.RawJSON())
	}
	config.APIURL = cloudflare.F("http://127.0.0.1:1/")
	newIntegration.Config = cloudflare.F[zero_trust.DevicePostureIntegrationNewParamsConfigUnion](config)
	if _, err := posture.Integrations.New(ctx, newIntegration); refused(err) != "400/2046" {
		t.Error(refused(err))
	}
	changed := world.Must[*zero_trust.Integration](t)(posture.Integrations.Edit(ctx, made.ID,
		zero_trust.DevicePostureIntegrationEditParams{AccountID: account, Interval: cloudflare.F("20m")}))
	if changed.Interval != "20m" || changed.Name != "scores" {
		t.Errorf("changed %s", changed.JSON.RawJSON())
	}
	world.Must[*zero_trust.Integration](t)(
		posture.Integrations.Get(ctx, made.ID, zero_trust.DevicePostureIntegrationGetParams{AccountID: account}))
	if all := world.Walk(t, posture.Integrations.ListAutoPaging(ctx,
		zero_trust.DevicePostureIntegrationListParams{AccountID: account})); len(all) != 1 {
		t.Errorf("%d integrations", len(all))
	}

	input := zero_trust.DeviceInputTeamsDevicesCustomS2sInputRequestParam{ConnectionID: cloudflare.F(made.ID),
		Score:    cloudflare.F(70.),
		Operator: cloudflare.F(zero_trust.DeviceInputTeamsDevicesCustomS2sInputRequestOperatorGreaterOrEquals)}
	rule := world.Must[*zero_trust.DevicePostureRule](t)(
		posture.New(ctx, zero_trust.DevicePostureNewParams{AccountID: account, Name: cloudflare.F("score"),
			Type: cloudflare.F(zero_trust.DevicePostureNewParamsTypeCustomS2s), Description: cloudflare.F("at least 70"),
			Schedule: cloudflare.F("1h"), Expiration: cloudflare.F("2h"),
			Match: cloudflare.F([]zero_trust.DeviceMatchParam{{Platform: cloudflare.F(zero_trust.DeviceMatchPlatformLinux)}}),
			Input: cloudflare.F[zero_trust.DeviceInputUnionParam](input)}))
	if got, ok := rule.Input.AsUnion().(zero_trust.DeviceInputTeamsDevicesCustomS2sInputRequest); !ok || got.Score != 70 ||
		got.ConnectionID != made.ID {
		t.Errorf("made %T %s", rule.Input.AsUnion(), rule.JSON.RawJSON())
	}
	input.Score = cloudflare.F(50.5)
	updated := world.Must[*zero_trust.DevicePostureRule](t)(
		posture.Update(ctx, rule.ID, zero_trust.DevicePostureUpdateParams{AccountID: account, Name: cloudflare.F("lower"),
			Type:  cloudflare.F(zero_trust.DevicePostureUpdateParamsTypeCustomS2s),
			Input: cloudflare.F[zero_trust.DeviceInputUnionParam](input)}))
	if got, ok := updated.Input.AsUnion().(zero_trust.DeviceInputTeamsDevicesCustomS2sInputRequest); !ok ||
		got.Score != 50.5 || updated.Expiration != "" {
		t.Errorf("updated %s", updated.JSON.RawJSON())
	}
	disk := world.Must[*zero_trust.DevicePostureRule](t)(
		posture.New(ctx, zero_trust.DevicePostureNewParams{AccountID: account, Name: cloudflare.F("disk"),
			Type: cloudflare.F(zero_trust.DevicePostureNewParamsTypeDiskEncryption),
			Input: cloudflare.F[zero_trust.DeviceInputUnionParam](
				zero_trust.DiskEncryptionInputParam{CheckDisks: cloudflare.F([]zero_trust.CarbonblackInputParam{"C"}),
					RequireAll: cloudflare.F(true)})}))
	world.Must[*zero_trust.DevicePostureRule](t)(
		posture.Get(ctx, disk.ID, zero_trust.DevicePostureGetParams{AccountID: account}))
	all := world.Walk(t, posture.ListAutoPaging(ctx, zero_trust.DevicePostureListParams{AccountID: account}))
	if len(all) != 2 {
		t.Errorf("%d rules", len(all))
	}
	for _, one := range all {
		world.Must[*zero_trust.DevicePostureDeleteResponse](t)(
			posture.Delete(ctx, one.ID, zero_trust.DevicePostureDeleteParams{AccountID: account}))
	}
	if _, err := posture.Get(ctx, disk.ID, zero_trust.DevicePostureGetParams{AccountID: account}); refused(
		err) != "404/6024" {
		t.Error(refused(err))
	}
	if _, err := posture.Integrations.Delete(ctx, made.ID,
		zero_trust.DevicePostureIntegrationDeleteParams{AccountID: account}); err != nil {
		t.Error(err)
	}
}
