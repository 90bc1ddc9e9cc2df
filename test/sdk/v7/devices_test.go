// Code generated from ../v6/devices_test.go by go test ./sdk/v7 -update; DO NOT EDIT.

//lint:file-ignore SA1019 clients still call the deprecated endpoints, so they are tried

package v7

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudflare/cloudflare-go/v7"
	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/zero_trust"
	"plumbline.dev/test/sdk/world"
)

func TestSDKv7Devices(t *testing.T) {
	w, ctx := world.Start(t)
	w.Enrol(ctx, t, 25)
	client := cloudflare.NewClient(option.WithBaseURL(w.Base), option.WithAPIToken(w.Token),
		option.WithHTTPClient(w.Only(t)), option.WithMaxRetries(0)).ZeroTrust
	account := cloudflare.F(w.Account)
	var all []zero_trust.DeviceDeviceListResponse

	t.Run("physical devices", func(t *testing.T) {
		devices := client.Devices.Devices
		all = world.Walk(t,
			devices.ListAutoPaging(ctx, zero_trust.DeviceDeviceListParams{AccountID: account, PerPage: cloudflare.F(int64(7))}))
		seen := map[string]bool{}
		for _, d := range all {
			seen[d.ID] = true
			if d.ActiveRegistrations != 1 || d.SerialNumber == "" || d.LastSeenUser.ID == "" || d.CreatedAt == "" ||
				d.UpdatedAt == "" {
				t.Errorf("listed %+v", d)
			}
		}
		if len(all) != 25 || len(seen) != 25 {
			t.Fatalf("%d devices, %d of them different", len(all), len(seen))
		}
		one := world.Must[*zero_trust.DeviceDeviceGetResponse](t)(
			devices.Get(ctx, all[3].ID, zero_trust.DeviceDeviceGetParams{AccountID: account,
				Include: cloudflare.F("last_seen_registration.policy")}))
		if one.SerialNumber != all[3].SerialNumber || one.LastSeenUser.Email != all[3].LastSeenUser.Email {
			t.Errorf("read %+v", one)
		}
		byName := world.Walk(t,
			devices.ListAutoPaging(ctx, zero_trust.DeviceDeviceListParams{AccountID: account, PerPage: cloudflare.F(int64(10)),
				SortBy:    cloudflare.F(zero_trust.DeviceDeviceListParamsSortByName),
				SortOrder: cloudflare.F(zero_trust.DeviceDeviceListParamsSortOrderDesc)}))
		if len(byName) != 25 || !slices.IsSortedFunc(
			byName, func(a, b zero_trust.DeviceDeviceListResponse) int { return strings.Compare(b.Name, a.Name) }) {
			t.Errorf("%d devices by name", len(byName))
		}
		for what, params := range map[string]zero_trust.DeviceDeviceListParams{
			"by id":      {ID: cloudflare.F([]string{all[0].ID, all[1].ID})},
			"by address": {LastSeenUser: cloudflare.F(zero_trust.DeviceDeviceListParamsLastSeenUser{Email: cloudflare.F("PERSON1@example.com")}), Search: cloudflare.F("sn00")},
			"searched":   {Search: cloudflare.F("host-020")},
			"revoked":    {ActiveRegistrations: cloudflare.F(zero_trust.DeviceDeviceListParamsActiveRegistrationsExclude)},
		} {
			params.AccountID, params.PerPage = account, cloudflare.F(int64(1))
			if got, want := len(world.Walk(t, devices.ListAutoPaging(ctx, params))),
				map[string]int{"by id": 2, "by address": 5, "searched": 1}[what]; got != want {
				t.Errorf("%s: %d devices, not %d", what, got, want)
			}
		}
		if _, err := devices.Revoke(ctx, all[0].ID, zero_trust.DeviceDeviceRevokeParams{AccountID: account}); err != nil {
			t.Fatal(err)
		}
		if one := world.Must[*zero_trust.DeviceDeviceGetResponse](t)(
			devices.Get(ctx, all[0].ID, zero_trust.DeviceDeviceGetParams{AccountID: account})); one.ActiveRegistrations != 0 {
			t.Errorf("revoked %+v", one)
		}
		if _, err := devices.Delete(ctx, all[1].ID, zero_trust.DeviceDeviceDeleteParams{AccountID: account}); err != nil {
			t.Fatal(err)
		}
		if _, err := devices.Get(ctx, all[1].ID, zero_trust.DeviceDeviceGetParams{AccountID: account}); refused(
			err) != "404/12135" {
			t.Errorf("deleted: %v", err)
		}
	})

	t.Run("registrations", func(t *testing.T) {
		registrations := client.Devices.Registrations
		count := func(status zero_trust.DeviceRegistrationListParamsStatus) int {
			t.Helper()
			return len(world.Walk(t,
				registrations.ListAutoPaging(ctx, zero_trust.DeviceRegistrationListParams{AccountID: account,
					Status: cloudflare.F(status), PerPage: cloudflare.F(int64(9))})))
		}
		want := func(active, revoked int) {
			t.Helper()
			if a, r, both := count(zero_trust.DeviceRegistrationListParamsStatusActive),
				count(zero_trust.DeviceRegistrationListParamsStatusRevoked),
				count(zero_trust.DeviceRegistrationListParamsStatusAll); a != active || r != revoked || both != active+revoked {
				t.Errorf("%d active and %d revoked of %d, not %d and %d", a, r, both, active, revoked)
			}
		}
		want(23, 1)
		ids := cloudflare.F([]string{all[2].ID, all[3].ID})
		if _, err := registrations.Revoke(ctx,
			zero_trust.DeviceRegistrationRevokeParams{AccountID: account, ID: ids}); err != nil {
			t.Fatal(err)
		}
		want(21, 3)
		one := world.Must[*zero_trust.DeviceRegistrationGetResponse](t)(
			registrations.Get(ctx, all[2].ID, zero_trust.DeviceRegistrationGetParams{AccountID: account}))
		if one.RevokedAt == "" || one.Device.ID != all[2].ID || one.User.Email == "" {
			t.Errorf("read %+v", one)
		}
		if _, err := registrations.Unrevoke(ctx,
			zero_trust.DeviceRegistrationUnrevokeParams{AccountID: account, ID: ids}); err != nil {
			t.Fatal(err)
		}
		want(23, 1)
		if _, err := registrations.BulkDelete(ctx,
			zero_trust.DeviceRegistrationBulkDeleteParams{AccountID: account, ID: ids}); err != nil {
			t.Fatal(err)
		}
		if _, err := registrations.Delete(ctx, all[4].ID,
			zero_trust.DeviceRegistrationDeleteParams{AccountID: account}); err != nil {
			t.Fatal(err)
		}
		want(20, 1)
	})

	t.Run("the deprecated list", func(t *testing.T) {
		devices := world.Walk(t, client.Devices.ListAutoPaging(ctx, zero_trust.DeviceListParams{AccountID: account}))
		if len(devices) != 21 {
			t.Errorf("%d devices", len(devices))
		}
		one := world.Must[*zero_trust.DeviceGetResponse](t)(
			client.Devices.Get(ctx, all[5].ID, zero_trust.DeviceGetParams{AccountID: account}))
		if one.SerialNumber != all[5].SerialNumber || one.Account.ID != w.Account || one.Created.IsZero() {
			t.Errorf("read %+v", one)
		}
		body := []string{all[5].ID}
		if _, err := client.Devices.Revoke.New(ctx,
			zero_trust.DeviceRevokeNewParams{AccountID: account, Body: body}); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Devices.Unrevoke.New(ctx,
			zero_trust.DeviceUnrevokeNewParams{AccountID: account, Body: body}); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("people and what they did", func(t *testing.T) {
		if people := world.Walk(t, client.Access.Users.ListAutoPaging(ctx,
			zero_trust.AccessUserListParams{AccountID: account, Search: cloudflare.F("a")})); len(people) != 0 {
			t.Errorf("people %+v", people)
		}
		if _, err := client.Access.Users.LastSeenIdentity.Get(ctx, all[0].ID,
			zero_trust.AccessUserLastSeenIdentityGetParams{AccountID: account}); refused(err) != "404/12135" {
			t.Errorf("nobody: %v", err)
		}
		events := world.Must[*[]zero_trust.AccessRequest](t)(client.Access.Logs.AccessRequests.List(ctx,
			zero_trust.AccessLogAccessRequestListParams{AccountID: account,
				Limit: cloudflare.F(int64(5)), Since: cloudflare.F(time.Now().Add(-time.Hour)),
				Direction: cloudflare.F(zero_trust.AccessLogAccessRequestListParamsDirectionAsc)}))
		if events == nil || len(*events) != 0 {
			t.Errorf("events %+v", events)
		}
	})
}
