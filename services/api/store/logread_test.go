package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/store"
)

// TestReadBackwards checks that a log, with any sizes and mix of messages, is the same read backwards and forwards.
func TestReadBackwards(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	s := newStore(t, f)
	app, other := proto.NewID(), proto.NewID()
	var all []bus.Outgoing
	for n := range 3000 {
		id := app
		if n < 1500 || n > 2900 || n%100 == 0 { // long stretches without messages of app
			id = other
		}
		all = append(all,
			bus.Outgoing{Subject: topology.AccessLog(f.Account, id),
				Body: &proto.Authentication{Ray: fmt.Sprint(n), Reason: strings.Repeat("x", n%5*1000)}})
	}
	for _, err := range f.Conn.PublishAll(t.Context(), all) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, subject := range []string{topology.AccessLog(f.Account, app), topology.AccessLog(f.Account, other),
		topology.AccessLogsOf(f.Account), topology.AccessLogsOf(proto.NewAccount())} {
		r, err := s.LogPeriod(t.Context(), store.LogRange{Stream: topology.AccessLogs, Subject: subject},
			time.Time{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		var there, back []uint64
		if err := s.ReadForwards(t.Context(), r,
			func(m *bus.Msg) error { there = append(there, m.Seq); return nil }); err != nil {
			t.Fatal(err)
		}
		if err := s.ReadBackwards(t.Context(), r,
			func(m *bus.Msg) error { back = append([]uint64{m.Seq}, back...); return nil }); err != nil {
			t.Fatal(err)
		}
		apitest.Same(t, subject, back, there)
	}
}
