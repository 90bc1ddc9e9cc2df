package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/v4"
)

// enrolled imports devices with the serials SN000 and on, of two people.
func (y *system) enrolled(n int) (ids []proto.ID) {
	y.t.Helper()
	var list strings.Builder
	list.WriteString("serial_number,hostname,email,mac_address,virtual_ipv4\n")
	for i := range n {
		fmt.Fprintf(&list, "SN%03d,host-%03d,%s@example.com,00:11:22:33:44:%02x,100.64.0.%d\n", i, (i*7)%n, []string{"Anna", "bo"}[i%2], i%256, i%256)
		ids = append(ids, proto.DeriveID(y.account, fmt.Sprintf("SN%03d", i)))
	}
	if got := y.imported("text/csv", list.String()); got.Enrolled != n {
		y.t.Fatalf("enrolled %+v", got)
	}
	return ids
}

// walk reads a list by its cursors and gives one member of each element.
func (y *system) walk(path, member string) (all []string) {
	y.t.Helper()
	base, query, _ := strings.Cut(path, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		y.t.Fatal(err)
	}
	next := path
	for range 1000 {
		r := y.do("GET", next, nil)
		var page []map[string]any
		if r.Status != 200 || json.Unmarshal(r.Result, &page) != nil || r.ResultInfo["count"] != float64(len(page)) {
			y.t.Fatalf("GET %s: %d %s", next, r.Status, r.Body)
		}
		for _, e := range page {
			all = append(all, text(e, member))
		}
		cursor := text(r.ResultInfo, "cursor")
		if cursor == "" {
			return all
		}
		if len(page) == 0 {
			y.t.Fatalf("GET %s: an empty page that is not the end", next)
		}
		values.Set("cursor", cursor)
		next = base + "?" + values.Encode()
	}
	y.t.Fatal("the list does not end")
	return nil
}

func sorted(ids []proto.ID) (all []string) {
	for _, id := range ids {
		all = append(all, id.String())
	}
	slices.Sort(all)
	return all
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-wanted +got):\n%s", what, diff)
	}
}

func TestPhysicalDevices(t *testing.T) {
	y := start(t)
	y.withRegistry()
	ids := y.enrolled(23)
	const all = "/devices/physical-devices"
	r := y.do("GET", all, nil)
	if r.Status != 200 || r.ResultInfo["total_count"] != 23.0 || r.ResultInfo["cursor"] != "" || r.ResultInfo["per_page"] != 50.0 {
		t.Errorf("list: %v", r.ResultInfo)
	}
	same(t, "the natural order, 5 at a time", y.walk(all+"?per_page=5", "id"), sorted(ids))
	d := y.want(200, "GET", all+"/"+ids[3].String(), nil)
	for _, stamp := range []string{"created_at", "updated_at"} {
		if text(d, stamp) == "" {
			t.Errorf("%s of %v", stamp, d)
		}
		delete(d, stamp)
	}
	person := map[string]any{"id": proto.DeriveID(y.account, "bo@example.com").String(), "email": "bo@example.com"}
	same(t, "a device", d, map[string]any{
		"id": ids[3].String(), "active_registrations": 1.0, "client_version": nil, "deleted_at": nil, "device_type": nil, "hardware_id": nil,
		"last_seen_at": nil, "last_seen_registration": nil, "last_seen_user": person, "mac_address": "00:11:22:33:44:03", "manufacturer": nil,
		"model": nil, "name": "host-021", "os_version": nil, "os_version_extra": nil, "public_ip": nil, "serial_number": "SN003",
		"tags": map[string]any{}, "x_virtual_ipv4": "100.64.0.3", "x_revoked_at": nil,
	})
	// Nothing is null that the SDKs declare without: it has a value, or is not there.
	registration := y.want(200, "GET", "/devices/registrations/"+ids[3].String(), nil)
	same(t, "a registration", registration, map[string]any{
		"id": ids[3].String(), "created_at": registration["created_at"], "deleted_at": nil, "device": map[string]any{"id": ids[3].String(), "name": "host-021"},
		"key": "", "key_type": nil, "last_seen_at": registration["updated_at"], "registration_type": "warp", "revoked_at": nil, "tunnel_type": nil,
		"updated_at": registration["updated_at"], "user": person, "virtual_ipv4": "100.64.0.3", "virtual_ipv6": nil,
	})
	if text(registration, "updated_at") == "" {
		t.Errorf("a registration: %v", registration)
	}
	deprecated := y.want(200, "GET", "/devices/"+ids[3].String(), nil)
	same(t, "as the deprecated endpoint shows it", deprecated, map[string]any{
		"id": ids[3].String(), "account": map[string]any{"id": y.account.String()}, "created": deprecated["created"], "deleted": false,
		"mac_address": "00:11:22:33:44:03", "name": "host-021", "serial_number": "SN003", "updated": deprecated["updated"], "user": person,
		"x_virtual_ipv4": "100.64.0.3",
	})
	byName := y.walk(all+"?sort_by=name&per_page=4", "name")
	if len(byName) != 23 || !slices.IsSorted(byName) {
		t.Errorf("by name: %v", byName)
	}
	down := y.walk(all+"?sort_by=name&sort_order=desc&per_page=4", "name")
	slices.Reverse(down)
	same(t, "by name, descending", down, byName)
	anna := y.walk(all+"?sort_by=last_seen_user.email&per_page=3", "id")
	if len(anna) != 23 || !slices.Contains(anna[:12], ids[0].String()) || !slices.Contains(anna[12:], ids[1].String()) {
		t.Errorf("by address: %v", anna)
	}
	for query, want := range map[string][]proto.ID{
		"search=sn01":                                                 ids[10:20],
		"search=ANNA@example&per_page=2":                              {ids[0], ids[2], ids[4], ids[6], ids[8], ids[10], ids[12], ids[14], ids[16], ids[18], ids[20], ids[22]},
		"search=" + ids[5].String()[:13]:                              {ids[5]},
		"search=nothing":                                              nil,
		"last_seen_user.email=anna@EXAMPLE.com":                       {ids[0], ids[2], ids[4], ids[6], ids[8], ids[10], ids[12], ids[14], ids[16], ids[18], ids[20], ids[22]},
		"last_seen_user.email=nobody@example.com":                     nil,
		"id=" + ids[1].String() + "&id=" + ids[2].String():            ids[1:3],
		"id[]=" + ids[1].String():                                     ids[1:2],
		"id=" + proto.NewID().String():                                nil,
		"seen_after=2020-01-01T00:00:00Z":                             nil,
		"include=last_seen_registration.policy&id=" + ids[1].String(): ids[1:2],
		"active_registrations=exclude":                                nil,
	} {
		same(t, query, y.walk(all+"?"+query, "id"), sorted(want))
	}
	for _, bad := range []string{"per_page=0", "per_page=x", "id=x", "cursor=x", "cursor=e30x", "sort_by=colour", "sort_order=up", "active_registrations=some", "seen_after=yesterday"} {
		y.refused(400, v4.CodeInvalid, "GET", all+"?"+bad, nil)
	}
	byID := y.do("GET", all+"?per_page=2", nil)
	y.refused(400, v4.CodeInvalid, "GET", all+"?sort_by=name&cursor="+text(byID.ResultInfo, "cursor"), nil)
	for _, id := range []string{proto.NewID().String(), "x"} {
		y.refused(404, v4.CodeNotFound, "GET", all+"/"+id, nil)
		y.refused(404, v4.CodeNotFound, "DELETE", all+"/"+id, nil)
		y.refused(404, v4.CodeNotFound, "POST", all+"/"+id+"/revoke", nil)
	}
	if r := y.do("DELETE", all+"/"+ids[0].String(), nil); r.Status != 200 || string(r.Result) != "null" {
		t.Errorf("delete: %d %s", r.Status, r.Body)
	}
	y.refused(404, v4.CodeNotFound, "GET", all+"/"+ids[0].String(), nil)
	same(t, "after one was deleted", y.walk(all+"?per_page=5", "id"), sorted(ids[1:]))
}

// Who walks the list meets every device that is there all the time, once, whatever comes and goes meanwhile.
func TestTheListIsStableUnderChange(t *testing.T) {
	y := start(t)
	y.withRegistry()
	ids := y.enrolled(12)
	first := y.do("GET", "/devices/physical-devices?per_page=4", nil)
	var seen []map[string]any
	if err := json.Unmarshal(first.Result, &seen); err != nil {
		t.Fatal(err)
	}
	order := sorted(ids)
	y.want(200, "DELETE", "/plumbline/devices/"+order[1], nil) // behind the cursor
	y.want(200, "DELETE", "/plumbline/devices/"+order[6], nil) // before it
	y.imported("text/csv", "serial_number\nNEW-1\nNEW-2\nNEW-3\n")
	met := map[string]int{}
	for _, d := range seen {
		met[text(d, "id")]++
	}
	for _, id := range y.walk("/devices/physical-devices?per_page=4&cursor="+text(first.ResultInfo, "cursor"), "id") {
		met[id]++
	}
	for n, id := range order {
		if want := 1; n != 6 && met[id] != want || n == 6 && met[id] != 0 {
			t.Errorf("device %d was met %d times", n, met[id])
		}
	}
}

func TestRevocation(t *testing.T) {
	y := start(t)
	y.withRegistry()
	ids := y.enrolled(4)
	const devices, all = "/devices/physical-devices", "/devices/registrations"
	query := "?id=" + ids[1].String() + "&id=" + ids[2].String()
	if r := y.do("POST", all+"/revoke"+query, nil); r.Status != 200 || string(r.Result) != "null" || r.ResultInfo["count"] != 2.0 {
		t.Fatalf("revoke: %d %s", r.Status, r.Body)
	}
	var page proto.Page
	stored := func() {
		t.Helper()
		page = proto.Page{}
		if _, err := y.conn.Get(t.Context(), topology.Devices, topology.PageKey(y.account, 0), &page); err != nil {
			t.Fatal(err)
		}
	}
	if stored(); len(page.Devices) != 2 || len(page.Revoked) != 2 {
		t.Fatalf("the page has %d devices and %d revoked", len(page.Devices), len(page.Revoked))
	}
	same(t, "devices", y.walk(devices, "id"), sorted([]proto.ID{ids[0], ids[3]}))
	same(t, "devices, revoked too", y.walk(devices+"?active_registrations=include&per_page=1", "id"), sorted(ids))
	same(t, "devices without registration", y.walk(devices+"?active_registrations=exclude&last_seen_user.email=bo@example.com", "id"), sorted(ids[1:2]))
	same(t, "registrations", y.walk(all, "id"), sorted([]proto.ID{ids[0], ids[3]}))
	same(t, "all registrations", y.walk(all+"?status=all", "id"), sorted(ids))
	same(t, "revoked registrations", y.walk(all+"?status=revoked&sort_by=created_at", "id"), sorted(ids[1:3]))
	same(t, "of a device", y.walk(all+"?status=all&device.id="+ids[1].String(), "id"), sorted(ids[1:2]))
	same(t, "of a device and of another", y.walk(all+"?id="+ids[0].String()+"&device.id="+ids[3].String(), "id"), sorted(nil))
	same(t, "of a person", y.walk(all+"?user.id="+proto.DeriveID(y.account, "anna@example.com").String(), "id"), sorted(ids[:1]))
	one := y.want(200, "GET", all+"/"+ids[1].String(), nil)
	if one["revoked_at"] == nil || one["virtual_ipv4"] != "100.64.0.1" || one["key"] != "" || text(one["device"].(map[string]any), "name") != "host-003" {
		t.Errorf("a registration: %v", one)
	}
	if d := y.want(200, "GET", devices+"/"+ids[1].String(), nil); d["active_registrations"] != 0.0 || d["x_revoked_at"] == nil {
		t.Errorf("a device: %v", d)
	}
	// An import updates what is known of it, and it stays revoked.
	if got := y.imported("text/csv", "serial_number,hostname\nSN001,renamed\n"); got.Updated != 1 {
		t.Errorf("import %+v", got)
	}
	if d := y.want(200, "GET", devices+"/"+ids[1].String(), nil); d["name"] != "renamed" || d["active_registrations"] != 0.0 {
		t.Errorf("after an import: %v", d)
	}
	y.want(200, "POST", all+"/unrevoke"+query, nil)
	same(t, "afterwards", y.walk(all, "id"), sorted(ids))
	y.want(200, "POST", devices+"/"+ids[0].String()+"/revoke", nil)
	y.want(200, "POST", devices+"/"+ids[0].String()+"/revoke", nil)
	y.want(200, "POST", "/devices/unrevoke", []string{ids[0].String()})
	y.want(200, "POST", "/devices/revoke", []string{ids[0].String()})
	if stored(); len(page.Revoked) != 1 || page.Revoked[0].ID != ids[0] {
		t.Errorf("revoked: %+v", page.Revoked)
	}
	// Of several, one that is not there keeps all of them as they are.
	y.refused(404, v4.CodeNotFound, "DELETE", all+query+"&id="+proto.NewID().String(), nil)
	y.refused(400, v4.CodeInvalid, "DELETE", all, nil)
	y.refused(400, v4.CodeInvalid, "POST", "/devices/revoke", map[string]any{"a": 1})
	y.want(200, "DELETE", all+query, nil)
	same(t, "what is left", y.walk(all+"?status=all", "id"), sorted([]proto.ID{ids[0], ids[3]}))
	y.want(200, "DELETE", all+"/"+ids[0].String(), nil)
	y.refused(404, v4.CodeNotFound, "GET", all+"/"+ids[0].String(), nil)
}

func TestAllDevicesInOnePiece(t *testing.T) {
	y := start(t)
	if r := y.do("GET", "/devices", nil); string(r.Result) != "[]" || !r.Success {
		t.Errorf("without devices: %s", r.Body)
	}
	y.withRegistry()
	ids := y.enrolled(5)
	y.want(200, "POST", "/devices/physical-devices/"+ids[0].String()+"/revoke", nil)
	r := y.do("GET", "/devices", nil)
	var all []map[string]any
	if err := json.Unmarshal(r.Result, &all); err != nil || len(all) != 5 || r.ResultInfo["count"] != 5.0 {
		t.Fatalf("list: %s", r.Body)
	}
	var got []string
	for _, d := range all {
		got = append(got, text(d, "id"))
		if (d["revoked_at"] != nil) != (d["id"] == ids[0].String()) {
			t.Errorf("revoked: %v", d)
		}
	}
	slices.Sort(got)
	same(t, "ids", got, sorted(ids))
	one := y.want(200, "GET", "/devices/"+ids[1].String(), nil)
	if one["account"].(map[string]any)["id"] != y.account.String() || one["serial_number"] != "SN001" || one["deleted"] != false || one["ip"] != nil {
		t.Errorf("one: %v", one)
	}
	y.refused(404, v4.CodeNotFound, "GET", "/devices/none", nil)
	// A list that cannot be finished is cut, not closed.
	y.api.device.Inventory.Mu.Lock()
	y.api.device.Inventory.Pages[y.account][7] = &device.IndexedPage{Revision: 1 << 40, IDs: ids, Active: 5, Emails: make([]uint32, 5)}
	y.api.device.Inventory.Mu.Unlock()
	req := y.request("GET", y.path("/devices"), nil)
	if err := panicked(func() { y.raw(req) }); err != http.ErrAbortHandler {
		t.Errorf("a list that broke off ended with %v", err)
	}
}

func panicked(f func()) (p any) {
	defer func() { p = recover() }()
	f()
	return nil
}

// fill writes pages of devices as a registry would have.
func (y *system) fill(pages int) (some proto.ID) {
	y.t.Helper()
	for n := range topology.PageNumber(pages) {
		p := &proto.Page{Devices: make([]proto.Device, proto.PageSize)}
		for i := range p.Devices {
			some = proto.NewID()
			p.Devices[i] = proto.Device{ID: some, Email: fmt.Sprintf("person%d@example.com", int(n)*1000+i), Serial: fmt.Sprintf("C02%06d%04d", n, i), MAC: "00:11:22:33:44:55",
				IPv4: "100.96.1.2", Hostname: fmt.Sprintf("laptop-%d-%d", n, i), EnrolledAt: 1, UpdatedAt: 1}
		}
		if _, err := y.conn.Publish(y.t.Context(), bus.PutMsg(topology.Devices, topology.PageKey(y.account, n), p, 0)); err != nil {
			y.t.Fatal(err)
		}
	}
	return some
}
