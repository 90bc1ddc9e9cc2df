package device_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

func TestLegacyDevices(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	if r := f.Do("GET", "/devices", nil); string(r.Result) != "[]" || !r.Success {
		t.Errorf("without devices: %s", r.Body)
	}
	f.StartRegistry()
	ids := enrol(f, 5)
	f.Want(200, "POST", "/devices/physical-devices/"+ids[0].String()+"/revoke", nil)
	r := f.Do("GET", "/devices", nil)
	var all []map[string]any
	if err := json.Unmarshal(r.Result, &all); err != nil || len(all) != 5 || r.ResultInfo["count"] != 5.0 {
		t.Fatalf("list: %s", r.Body)
	}
	var got []string
	for _, d := range all {
		got = append(got, apitest.Text(d, "id"))
		if (d["revoked_at"] != nil) != (d["id"] == ids[0].String()) {
			t.Errorf("revoked: %v", d)
		}
	}
	slices.Sort(got)
	apitest.Same(t, "ids", got, sorted(ids))
	one := f.Want(200, "GET", "/devices/"+ids[1].String(), nil)
	if one["account"].(map[string]any)["id"] != f.Account.String() || one["serial_number"] != "SN001" ||
		one["deleted"] != false || one["ip"] != nil {
		t.Errorf("one: %v", one)
	}
	f.WantError(404, v4.CodeNotFound, "GET", "/devices/none", nil)
	// The response is cut off without an end if a page disappears from the bucket without the api's notice.
	lost := proto.Page{Devices: []proto.Device{{ID: proto.NewID()}}}
	key := topology.PageKey(f.Account, 7)
	if _, err := f.Conn.Put(t.Context(), topology.Devices, key, &lost, 0); err != nil {
		t.Fatal(err)
	}
	f.Want(200, "GET", "/devices/"+lost.Devices[0].ID.String(), nil)
	stream, err := f.Conn.JetStream().Stream(t.Context(), topology.BucketStream(topology.Devices))
	if err == nil {
		err = stream.Purge(t.Context(), jetstream.WithPurgeSubject(topology.BucketSubject(topology.Devices, key)))
	}
	if err != nil {
		t.Fatal(err)
	}
	req := f.Request("GET", f.Path("/devices"), nil)
	if err := apitest.Panics(func() { f.Send(req) }); err != http.ErrAbortHandler {
		t.Errorf("a list that broke off ended with %v", err)
	}
}
