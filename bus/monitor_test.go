package bus

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestMonitor(t *testing.T) {
	for name, c := range map[string]struct {
		do      func(*Monitor)
		stalled bool
		stalls  uint64
	}{
		"never answered":           {func(*Monitor) {}, true, 1},
		"answered in time":         {func(m *Monitor) { m.Heard() }, false, 0},
		"nothing asked":            {func(m *Monitor) { m.Idle(true) }, false, 0},
		"asked again":              {func(m *Monitor) { m.Idle(true); m.Idle(false) }, false, 0},
		"ended":                    {func(m *Monitor) { m.Close() }, false, 0},
		"a lost request":           {func(m *Monitor) { m.Lost() }, true, 1},
		"answered after its stall": {func(m *Monitor) { time.Sleep(StallAfter); synctest.Wait(); m.Heard() }, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := &Conn{log: slog.New(slog.DiscardHandler)}
				m := conn.Monitor("stage")
				defer m.Close()
				time.Sleep(StallAfter - time.Second)
				c.do(m)
				time.Sleep(2 * time.Second)
				synctest.Wait()
				err := conn.Stalled()
				if (err != nil) != c.stalled || (err != nil && !strings.Contains(err.Error(), "stage is stalled")) {
					t.Errorf("stalled: %v, want %v", err, c.stalled)
				}
				if got := conn.Monitors()[0]; got.Stalls != c.stalls || (got.Stalled == 1) != c.stalled {
					t.Errorf("counts %+v, want %d stalls", got, c.stalls)
				}
			})
		})
	}
}
