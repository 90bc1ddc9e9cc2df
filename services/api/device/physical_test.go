package device_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

// enrol imports devices with the serials SN000 and on, of two people, and returns their ids.
func enrol(f *apitest.Fixture, n int) (ids []proto.ID) {
	f.T.Helper()
	var list strings.Builder
	list.WriteString("serial_number,hostname,email,mac_address,virtual_ipv4\n")
	for i := range n {
		fmt.Fprintf(&list, "SN%03d,host-%03d,%s@example.com,00:11:22:33:44:%02x,100.64.0.%d\n", i, (i*7)%n,
			[]string{"Anna", "bo"}[i%2], i%256, i%256)
		ids = append(ids, proto.DeriveID(f.Account, fmt.Sprintf("SN%03d", i)))
	}
	if got := f.Import("text/csv", list.String()); got.Enrolled != n {
		f.T.Fatalf("enrol %+v", got)
	}
	return ids
}

// walk reads a list by its cursors and returns one member of each element.
func walk(f *apitest.Fixture, path, member string) (all []string) {
	f.T.Helper()
	base, query, _ := strings.Cut(path, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		f.T.Fatal(err)
	}
	next := path
	for range 1000 {
		r := f.Do("GET", next, nil)
		var page []map[string]any
		if r.Status != 200 || json.Unmarshal(r.Result, &page) != nil || r.ResultInfo["count"] != float64(len(page)) {
			f.T.Fatalf("GET %s: %d %s", next, r.Status, r.Body)
		}
		for _, e := range page {
			all = append(all, apitest.Text(e, member))
		}
		cursor := apitest.Text(r.ResultInfo, "cursor")
		if cursor == "" {
			return all
		}
		if len(page) == 0 {
			f.T.Fatalf("GET %s: an empty page that is not the end", next)
		}
		values.Set("cursor", cursor)
		next = base + "?" + values.Encode()
	}
	f.T.Fatal("the list does not end")
	return nil
}

func sorted(ids []proto.ID) (all []string) {
	for _, id := range ids {
		all = append(all, id.String())
	}
	slices.Sort(all)
	return all
}

func TestPhysicalDevices(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	f.StartRegistry()
	ids := enrol(f, 23)
	const all = "/devices/physical-devices"
	r := f.Do("GET", all, nil)
	if r.Status != 200 || r.ResultInfo["total_count"] != 23.0 || r.ResultInfo["cursor"] != "" ||
		r.ResultInfo["per_page"] != 50.0 {
		t.Errorf("list: %v", r.ResultInfo)
	}
	apitest.Same(t, "the natural order, 5 at a time", walk(f, all+"?per_page=5", "id"), sorted(ids))
	d := f.Want(200, "GET", all+"/"+ids[3].String(), nil)
	for _, stamp := range []string{"created_at", "updated_at"} {
		if apitest.Text(d, stamp) == "" {
			t.Errorf("%s of %v", stamp, d)
		}
		delete(d, stamp)
	}
	person := map[string]any{"id": proto.DeriveID(f.Account, "bo@example.com").String(), "email": "bo@example.com"}
	apitest.Same(t, "a device", d, map[string]any{
		"id": ids[3].String(), "active_registrations": 1.0, "client_version": nil, "deleted_at": nil, "device_type": nil,
		"hardware_id":  nil,
		"last_seen_at": nil, "last_seen_registration": nil, "last_seen_user": person, "mac_address": "00:11:22:33:44:03",
		"manufacturer": nil,
		"model":        nil, "name": "host-021", "os_version": nil, "os_version_extra": nil, "public_ip": nil,
		"serial_number": "SN003",
		"tags":          map[string]any{}, "x_virtual_ipv4": "100.64.0.3", "x_revoked_at": nil,
	})
	// Members without null in the SDKs have a value or are absent.
	registration := f.Want(200, "GET", "/devices/registrations/"+ids[3].String(), nil)
	apitest.Same(t, "a registration", registration, map[string]any{
		"id": ids[3].String(), "created_at": registration["created_at"], "deleted_at": nil,
		"device": map[string]any{"id": ids[3].String(), "name": "host-021"},
		"key":    "", "key_type": nil, "last_seen_at": registration["updated_at"], "registration_type": "warp",
		"revoked_at": nil, "tunnel_type": nil,
		"updated_at": registration["updated_at"], "user": person, "virtual_ipv4": "100.64.0.3", "virtual_ipv6": nil,
	})
	if apitest.Text(registration, "updated_at") == "" {
		t.Errorf("a registration: %v", registration)
	}
	deprecated := f.Want(200, "GET", "/devices/"+ids[3].String(), nil)
	apitest.Same(t, "as the deprecated endpoint shows it", deprecated, map[string]any{
		"id": ids[3].String(), "account": map[string]any{"id": f.Account.String()}, "created": deprecated["created"],
		"deleted":     false,
		"mac_address": "00:11:22:33:44:03", "name": "host-021", "serial_number": "SN003", "updated": deprecated["updated"],
		"user":           person,
		"x_virtual_ipv4": "100.64.0.3",
	})
	byName := walk(f, all+"?sort_by=name&per_page=4", "name")
	if len(byName) != 23 || !slices.IsSorted(byName) {
		t.Errorf("by name: %v", byName)
	}
	down := walk(f, all+"?sort_by=name&sort_order=desc&per_page=4", "name")
	slices.Reverse(down)
	apitest.Same(t, "by name, descending", down, byName)
	anna := walk(f, all+"?sort_by=last_seen_user.email&per_page=3", "id")
	if len(anna) != 23 || !slices.Contains(anna[:12], ids[0].String()) || !slices.Contains(anna[12:], ids[1].String()) {
		t.Errorf("by address: %v", anna)
	}
	for query, want := range map[string][]proto.ID{
		"search=sn01": ids[10:20],
		"search=ANNA@example&per_page=2": {ids[0], ids[2], ids[4], ids[6], ids[8], ids[10],
			ids[12], ids[14], ids[16], ids[18], ids[20], ids[22]},
		"search=" + ids[5].String()[:13]: {ids[5]},
		"search=nothing":                 nil,
		"last_seen_user.email=anna@EXAMPLE.com": {ids[0], ids[2], ids[4], ids[6], ids[8], ids[10],
			ids[12], ids[14], ids[16], ids[18], ids[20], ids[22]},
		"last_seen_user.email=nobody@example.com":                     nil,
		"id=" + ids[1].String() + "&id=" + ids[2].String():            ids[1:3],
		"id[]=" + ids[1].String():                                     ids[1:2],
		"id=" + proto.NewID().String():                                nil,
		"seen_after=2020-01-01T00:00:00Z":                             nil,
		"include=last_seen_registration.policy&id=" + ids[1].String(): ids[1:2],
		"active_registrations=exclude":                                nil,
	} {
		apitest.Same(t, query, walk(f, all+"?"+query, "id"), sorted(want))
	}
	for _, bad := range []string{"per_page=0", "per_page=x", "id=x", "cursor=x", "cursor=e30x", "sort_by=colour",
		"sort_order=up", "active_registrations=some", "seen_after=yesterday"} {
		f.WantError(400, v4.CodeInvalid, "GET", all+"?"+bad, nil)
	}
	byID := f.Do("GET", all+"?per_page=2", nil)
	f.WantError(400, v4.CodeInvalid, "GET", all+"?sort_by=name&cursor="+apitest.Text(byID.ResultInfo, "cursor"), nil)
	for _, id := range []string{proto.NewID().String(), "x"} {
		f.WantError(404, v4.CodeNotFound, "GET", all+"/"+id, nil)
		f.WantError(404, v4.CodeNotFound, "DELETE", all+"/"+id, nil)
		f.WantError(404, v4.CodeNotFound, "POST", all+"/"+id+"/revoke", nil)
	}
	if r := f.Do("DELETE", all+"/"+ids[0].String(), nil); r.Status != 200 || string(r.Result) != "null" {
		t.Errorf("delete: %d %s", r.Status, r.Body)
	}
	f.WantError(404, v4.CodeNotFound, "GET", all+"/"+ids[0].String(), nil)
	apitest.Same(t, "after one was deleted", walk(f, all+"?per_page=5", "id"), sorted(ids[1:]))
}

// TestListWhileDevicesChange checks that a list read page by page has every device that exists all the time, once,
// while others are enrolled and deleted.
func TestListWhileDevicesChange(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	f.StartRegistry()
	ids := enrol(f, 12)
	first := f.Do("GET", "/devices/physical-devices?per_page=4", nil)
	var seen []map[string]any
	if err := json.Unmarshal(first.Result, &seen); err != nil {
		t.Fatal(err)
	}
	order := sorted(ids)
	f.Want(200, "DELETE", "/plumbline/devices/"+order[1], nil) // behind the cursor
	f.Want(200, "DELETE", "/plumbline/devices/"+order[6], nil) // before it
	f.Import("text/csv", "serial_number\nNEW-1\nNEW-2\nNEW-3\n")
	met := map[string]int{}
	for _, d := range seen {
		met[apitest.Text(d, "id")]++
	}
	for _, id := range walk(f, "/devices/physical-devices?per_page=4&cursor="+apitest.Text(first.ResultInfo, "cursor"),
		"id") {
		met[id]++
	}
	for n, id := range order {
		if want := 1; n != 6 && met[id] != want || n == 6 && met[id] != 0 {
			t.Errorf("device %d was met %d times", n, met[id])
		}
	}
}
