package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
)

// list decodes a result that is a list.
func (y *system) list(path string) (all []map[string]any, info map[string]any) {
	y.t.Helper()
	r := y.do("GET", path, nil)
	if r.Status != 200 || json.Unmarshal(r.Result, &all) != nil {
		y.t.Fatalf("GET %s: %d %s", path, r.Status, r.Body)
	}
	return all, r.ResultInfo
}

func column(all []map[string]any, member string) (values []any) {
	for _, e := range all {
		values = append(values, e[member])
	}
	return values
}

// A log of every size and mix is read backwards as it is forwards.
func TestBackwardsIsForwardsReversed(t *testing.T) {
	y := start(t)
	app, other := proto.NewID(), proto.NewID()
	var all []bus.Outgoing
	for n := range 3000 {
		id := app
		if n < 1500 || n > 2900 || n%100 == 0 { // long stretches of nothing that is asked for
			id = other
		}
		all = append(all, bus.Outgoing{Subject: topology.AccessLog(y.account, id), Body: &proto.Authentication{Ray: fmt.Sprint(n), Reason: strings.Repeat("x", n%5*1000)}})
	}
	for _, err := range y.conn.PublishAll(t.Context(), all) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, subject := range []string{topology.AccessLog(y.account, app), topology.AccessLog(y.account, other), topology.AccessLogsOf(y.account), topology.AccessLogsOf(proto.NewAccount())} {
		r, err := y.api.store.LogPeriod(t.Context(), store.LogRange{Stream: topology.AccessLogs, Subject: subject}, time.Time{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		var there, back []uint64
		if err := y.api.store.ReadForwards(t.Context(), r, func(m *bus.Msg) error { there = append(there, m.Seq); return nil }); err != nil {
			t.Fatal(err)
		}
		if err := y.api.store.ReadBackwards(t.Context(), r, func(m *bus.Msg) error { back = append([]uint64{m.Seq}, back...); return nil }); err != nil {
			t.Fatal(err)
		}
		same(t, subject, back, there)
	}
}
