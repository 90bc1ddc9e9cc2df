package plumb_test

import (
	"net/http"
	"strings"
	"testing"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/plumb"
)

// On a store that lost the control plane's records, /readyz names what is missing and what to do, until the loss is
// accepted.
func TestADamagedStoreIsNotReady(t *testing.T) {
	cfg := config(t, t.TempDir()+"/data")
	_, stop := start(t, cfg)
	stop()
	bustest.StoreAt(t, cfg.Data).RemoveStream(topology.BucketStream(topology.Tokens))

	s, err := plumb.New(cfg, plumb.Deps{Log: bustest.Log(t), Metrics: cli.Metrics(), Clock: clock.System})
	if err != nil {
		t.Fatal(err)
	}
	end := bustest.Run(t, s.Run)
	bustest.Eventually(t, "/readyz says what is lost", func() bool {
		err := s.Ready(t.Context())
		return err != nil && strings.Contains(err.Error(), "TOKENS: api_token") &&
			strings.Contains(err.Error(), "--accept-loss")
	})
	end()

	cfg.AcceptLoss = true
	i, stop := start(t, cfg)
	if code, text := get(t, i.AdminURL+"/readyz"); code != http.StatusOK {
		t.Errorf("/readyz with the loss accepted: %d %s", code, text)
	}
	stop()

	cfg.AcceptLoss = false
	i, stop = start(t, cfg)
	if code, text := get(t, i.AdminURL+"/readyz"); code != http.StatusOK {
		t.Errorf("/readyz after the loss was accepted: %d %s", code, text)
	}
	stop()
}
