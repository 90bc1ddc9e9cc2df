package scheduler

import (
	"context"
	"errors"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/internal/clock"
)

func TestServerClock(t *testing.T) {
	local, asked := clock.NewFake(epoch), 0
	server, failure := epoch.Add(time.Hour), error(nil)
	c := &serverClock{local: local, ask: func(context.Context) (time.Time, error) { asked++; return server, failure }}
	check := func(what string, ahead time.Duration, now time.Time, times int) {
		t.Helper()
		got, err := c.refresh(t.Context())
		if err != nil || got != ahead || !c.now().Equal(now) || asked != times {
			t.Errorf("%s: ahead %v, now %v, asked %d times, %v", what, got, c.now(), asked, err)
		}
	}
	check("at first", -time.Hour, epoch.Add(time.Hour), 1)
	local.Advance(askAgain)
	check("a moment later", -time.Hour, epoch.Add(time.Hour+askAgain), 1)
	local.Advance(time.Minute)
	server = epoch.Add(time.Hour + 2*time.Minute)
	check("later", -time.Hour-2*time.Minute+time.Minute+askAgain, server, 2)
	local.Set(epoch)
	check("after the local clock was set back", -time.Hour-2*time.Minute, server, 3)
	local.Advance(time.Minute)
	if failure = errors.New("away"); !errors.Is(second(c.refresh(t.Context())), failure) {
		t.Error("the server is away: no error")
	}
}

func second[A any](_ A, err error) error { return err }

func TestStreamTimeIsTheServers(t *testing.T) {
	b := bustest.Start(t)
	before := time.Now()
	at, err := streamTime(b.Conn(topology.Scheduler))(t.Context())
	if err != nil || at.Before(before.Add(-time.Millisecond)) || at.After(time.Now().Add(time.Millisecond)) {
		t.Errorf("%v, %v", at, err)
	}
}
