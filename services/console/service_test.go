package console_test

import (
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/services/console"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/clock"
)

// A browser that reads nothing does not hold its connection, and an action has the time that it may take.
func TestResponsesAreBoundedInTime(t *testing.T) {
	s, err := console.New(console.Config{Addr: "127.0.0.1:0", APIURL: "http://127.0.0.1:1"},
		console.Deps{Log: bustest.Log(t), Metrics: cli.Metrics(), Clock: clock.System})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.WriteTimeout(); got <= 45*time.Second || got > 5*time.Minute {
		t.Errorf("a response may take %v", got)
	}
}
