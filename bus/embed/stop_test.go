package embed

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// stuck is a server that stops only after its channel is closed.
type stuck chan struct{}

func (s stuck) Shutdown()        { <-s }
func (s stuck) WaitForShutdown() { <-s }

func TestAServerThatDoesNotStopIsLeft(t *testing.T) {
	for name, stops := range map[string]bool{"stops": true, "does not stop": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, began := make(stuck), time.Now()
				if stops {
					close(server)
				}
				var log bytes.Buffer
				stop(server, slog.New(slog.NewTextHandler(&log, nil)))
				if told := strings.Contains(log.String(), "did not stop in time"); told == stops {
					t.Errorf("the log is %q", log.String())
				}
				took := time.Since(began)
				if !stops {
					close(server)
				}
				if want := map[bool]time.Duration{true: 0, false: stopTimeout}[stops]; took != want {
					t.Errorf("it took %v, want %v", took, want)
				}
			})
		})
	}
}
