package apitest

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/registry"
)

// StartRegistry runs a registry beside the api.
func (f *Fixture) StartRegistry() {
	f.T.Helper()
	s, err := registry.New(registry.Config{}, registry.Deps{Bus: f.Bus.Conn(topology.Registry), Log: bustest.Log(f.T),
		Metrics: prometheus.NewRegistry(), Clock: clock.System})
	if err != nil {
		f.T.Fatal(err)
	}
	f.run("the registry", s.Run)
}

// SendImport sends a list of devices of a media type.
func (f *Fixture) SendImport(kind string, list io.Reader) Response {
	f.T.Helper()
	req := f.Request("POST", f.Path("/plumbline/devices"), list)
	req.Header.Set("Content-Type", kind)
	return f.Send(req)
}

// Import imports a list of devices of a media type and returns the result.
func (f *Fixture) Import(kind, list string) device.Imported {
	f.T.Helper()
	r := f.SendImport(kind, strings.NewReader(list))
	if r.Status != 200 {
		f.T.Fatalf("import: %d %s", r.Status, r.Body)
	}
	var i device.Imported
	if err := json.Unmarshal(r.Result, &i); err != nil {
		f.T.Fatal(err)
	}
	if i.Rows != i.Enrolled+i.Updated+i.Unchanged+i.Refused {
		f.T.Errorf("%+v: the counts do not add up to the rows", i)
	}
	return i
}

// StorePages stores full pages of devices as a registry would, and returns the id of one device.
func (f *Fixture) StorePages(pages int) (some proto.ID) {
	f.T.Helper()
	for n := range topology.PageNumber(pages) {
		p := &proto.Page{Devices: make([]proto.Device, proto.PageSize)}
		for i := range p.Devices {
			some = proto.NewID()
			p.Devices[i] = proto.Device{
				ID: some, Email: fmt.Sprintf("person%d@example.com", int(n)*1000+i),
				Serial: fmt.Sprintf("C02%06d%04d", n, i), MAC: "00:11:22:33:44:55", IPv4: "100.96.1.2",
				Hostname: fmt.Sprintf("laptop-%d-%d", n, i), EnrolledAt: 1, UpdatedAt: 1,
			}
		}
		put := bus.PutMsg(topology.Devices, topology.PageKey(f.Account, n), p, 0)
		if _, err := f.Conn.Publish(f.T.Context(), put); err != nil {
			f.T.Fatal(err)
		}
	}
	return some
}
