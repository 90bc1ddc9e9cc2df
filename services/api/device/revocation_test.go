package device_test

import (
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

func TestRevocation(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	f.StartRegistry()
	ids := enrol(f, 4)
	const devices, all = "/devices/physical-devices", "/devices/registrations"
	query := "?id=" + ids[1].String() + "&id=" + ids[2].String()
	if r := f.Do("POST", all+"/revoke"+query, nil); r.Status != 200 || string(r.Result) != "null" ||
		r.ResultInfo["count"] != 2.0 {
		t.Fatalf("revoke: %d %s", r.Status, r.Body)
	}
	var page proto.Page
	stored := func() {
		t.Helper()
		page = proto.Page{}
		if _, err := f.Conn.Get(t.Context(), topology.Devices, topology.PageKey(f.Account, 0), &page); err != nil {
			t.Fatal(err)
		}
	}
	if stored(); len(page.Devices) != 2 || len(page.Revoked) != 2 {
		t.Fatalf("the page has %d devices and %d revoked", len(page.Devices), len(page.Revoked))
	}
	apitest.Same(t, "devices", walk(f, devices, "id"), sorted([]proto.ID{ids[0], ids[3]}))
	apitest.Same(t, "devices, revoked too", walk(f, devices+"?active_registrations=include&per_page=1", "id"),
		sorted(ids))
	apitest.Same(t, "devices without registration",
		walk(f, devices+"?active_registrations=exclude&last_seen_user.email=bo@example.com", "id"), sorted(ids[1:2]))
	apitest.Same(t, "registrations", walk(f, all, "id"), sorted([]proto.ID{ids[0], ids[3]}))
	apitest.Same(t, "all registrations", walk(f, all+"?status=all", "id"), sorted(ids))
	apitest.Same(t, "revoked registrations", walk(f, all+"?status=revoked&sort_by=created_at", "id"), sorted(ids[1:3]))
	apitest.Same(t, "of a device", walk(f, all+"?status=all&device.id="+ids[1].String(), "id"), sorted(ids[1:2]))
	apitest.Same(t, "of a device and of another", walk(f, all+"?id="+ids[0].String()+"&device.id="+ids[3].String(), "id"),
		sorted(nil))
	apitest.Same(t, "of a person", walk(f, all+"?user.id="+proto.DeriveID(f.Account, "anna@example.com").String(), "id"),
		sorted(ids[:1]))
	one := f.Want(200, "GET", all+"/"+ids[1].String(), nil)
	if one["revoked_at"] == nil || one["virtual_ipv4"] != "100.64.0.1" || one["key"] != "" ||
		apitest.Text(one["device"].(map[string]any), "name") != "host-003" {
		t.Errorf("a registration: %v", one)
	}
	if d := f.Want(200, "GET", devices+"/"+ids[1].String(), nil); d["active_registrations"] != 0.0 ||
		d["x_revoked_at"] == nil {
		t.Errorf("a device: %v", d)
	}
	// An import updates its properties, and it stays revoked.
	if got := f.Import("text/csv", "serial_number,hostname\nSN001,renamed\n"); got.Updated != 1 {
		t.Errorf("import %+v", got)
	}
	if d := f.Want(200, "GET", devices+"/"+ids[1].String(), nil); d["name"] != "renamed" ||
		d["active_registrations"] != 0.0 {
		t.Errorf("after an import: %v", d)
	}
	f.Want(200, "POST", all+"/unrevoke"+query, nil)
	apitest.Same(t, "afterwards", walk(f, all, "id"), sorted(ids))
	f.Want(200, "POST", devices+"/"+ids[0].String()+"/revoke", nil)
	f.Want(200, "POST", devices+"/"+ids[0].String()+"/revoke", nil)
	f.Want(200, "POST", "/devices/unrevoke", []string{ids[0].String()})
	f.Want(200, "POST", "/devices/revoke", []string{ids[0].String()})
	if stored(); len(page.Revoked) != 1 || page.Revoked[0].ID != ids[0] {
		t.Errorf("revoked: %+v", page.Revoked)
	}
	// If one of several devices does not exist, none is changed.
	f.WantError(404, v4.CodeNotFound, "DELETE", all+query+"&id="+proto.NewID().String(), nil)
	f.WantError(400, v4.CodeInvalid, "DELETE", all, nil)
	f.WantError(400, v4.CodeInvalid, "POST", "/devices/revoke", map[string]any{"a": 1})
	f.Want(200, "DELETE", all+query, nil)
	apitest.Same(t, "what is left", walk(f, all+"?status=all", "id"), sorted([]proto.ID{ids[0], ids[3]}))
	f.Want(200, "DELETE", all+"/"+ids[0].String(), nil)
	f.WantError(404, v4.CodeNotFound, "GET", all+"/"+ids[0].String(), nil)
}
