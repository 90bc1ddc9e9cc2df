package api

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-wanted +got):\n%s", what, diff)
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
