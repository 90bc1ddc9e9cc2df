package api

import (
	"context"
	"encoding/json"
	"io"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/registry"
)

// withRegistry runs a registry beside the api.
func (y *system) withRegistry() {
	y.t.Helper()
	s, err := registry.New(registry.Config{}, registry.Deps{Bus: y.bus.Conn(topology.Registry), Log: bustest.Log(y.t), Metrics: prometheus.NewRegistry(), Clock: clock.System})
	if err != nil {
		y.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	y.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			y.t.Errorf("the registry ended with %v", err)
		}
	})
}

func (y *system) importAs(kind, list string) response {
	y.t.Helper()
	return y.importFrom(kind, strings.NewReader(list))
}

func (y *system) importFrom(kind string, list io.Reader) response {
	y.t.Helper()
	req := y.request("POST", y.path("/plumbline/devices"), list)
	req.Header.Set("Content-Type", kind)
	return y.raw(req)
}

func (y *system) imported(kind, list string) device.Imported {
	y.t.Helper()
	r := y.importAs(kind, list)
	if r.Status != 200 {
		y.t.Fatalf("import: %d %s", r.Status, r.Body)
	}
	var i device.Imported
	if err := json.Unmarshal(r.Result, &i); err != nil {
		y.t.Fatal(err)
	}
	if i.Rows != i.Enrolled+i.Updated+i.Unchanged+i.Refused {
		y.t.Errorf("%+v: the rows are not all accounted for", i)
	}
	return i
}
