//lint:file-ignore SA1019 clients still call the deprecated endpoints, so they are tried

package v0

import (
	"errors"
	"testing"
	"time"

	legacy "github.com/cloudflare/cloudflare-go"
	"plumbline.dev/test/sdk/world"
)

func TestSDKv0Devices(t *testing.T) {
	w, ctx := world.Start(t)
	w.Enrol(ctx, t, 3)
	api := world.Must[*legacy.API](t)(legacy.NewWithAPIToken(w.Token, legacy.BaseURL(w.Base), legacy.HTTPClient(w.Only(t)),
		legacy.UsingRateLimit(1000), legacy.UsingRetryPolicy(0, 0, 0)))
	devices := world.Must[[]legacy.TeamsDeviceListItem](t)(api.ListTeamsDevices(ctx, w.Account))
	if len(devices) != 3 || devices[0].SerialNumber == "" || devices[0].User.Email == "" {
		t.Fatalf("devices %+v", devices)
	}
	if _, err := api.RevokeTeamsDevices(ctx, w.Account, []string{devices[0].ID}); err != nil {
		t.Fatal(err)
	}
	if one := world.Must[legacy.TeamsDeviceListItem](t)(api.GetTeamsDeviceDetails(ctx, w.Account,
		devices[0].ID)); one.RevokedAt == "" || one.Name != devices[0].Name {
		t.Errorf("revoked %+v", one)
	}
	var missing *legacy.NotFoundError
	if _, err := api.GetTeamsDeviceDetails(ctx, w.Account, "none"); !errors.As(err, &missing) {
		t.Errorf("none: %v", err)
	}
	people, _, err := api.ListAccessUsers(ctx, legacy.AccountIdentifier(w.Account), legacy.AccessUserParams{})
	if err != nil || len(people) != 0 {
		t.Errorf("people %+v, %v", people, err)
	}
	since := time.Now().Add(-time.Hour)
	if events, err := api.AccessAuditLogs(ctx, w.Account,
		legacy.AccessAuditLogFilterOptions{Direction: "desc", Limit: 5, Since: &since}); err != nil || len(events) != 0 {
		t.Errorf("events %+v, %v", events, err)
	}
}
