package console_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/proto"
	"plumbline.dev/services/console"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/plumb"
	"plumbline.dev/services/plumb/client"
)

// installation runs all of Plumbline until the test ends.
func installation(t *testing.T) plumb.Installation {
	t.Helper()
	s, err := plumb.New(plumb.Config{Data: t.TempDir(), APIAddr: bustest.FreeAddr(t), AccessAddr: bustest.FreeAddr(t),
		AdminAddr: bustest.FreeAddr(t), MinInterval: time.Second, LogMaxBytes: 1 << 30},
		plumb.Deps{Log: bustest.Log(t), Metrics: cli.Metrics(), Clock: clock.System})
	if err != nil {
		t.Fatal(err)
	}
	running, ended := context.WithCancelCause(t.Context())
	bustest.Run(t, func(ctx context.Context) error {
		err := s.Run(ctx)
		ended(errors.Join(errors.New("plumb ended"), err))
		return err
	})
	i, err := s.Await(running)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// serve serves a console of an API until the test ends, and returns it with its URL.
func serve(t *testing.T, api string, c clock.Clock) (*console.Service, string) {
	t.Helper()
	service, err := console.New(console.Config{Addr: "127.0.0.1:0", APIURL: api},
		console.Deps{Log: bustest.Log(t), Metrics: cli.Metrics(), Clock: c})
	must(t, err)
	front := httptest.NewServer(service.Handler())
	t.Cleanup(front.Close)
	return service, front.URL
}

// fill makes one resource of each kind, and returns their ids by the first part of their path.
func fill(t *testing.T, c *client.Client) map[string]string {
	t.Helper()
	ids := map[string]string{}
	_, err := c.Import(t.Context(), client.CSV, strings.NewReader("hostname,serial_number\nlaptop,S1\n"), nil)
	must(t, err)
	devices, _, err := c.Devices(t.Context(), url.Values{}, 1)
	must(t, err)
	ids["devices"] = devices[0].Value.ID
	token, err := c.ServiceTokens.Create(t.Context(), client.ServiceToken{Name: "fetchers", Duration: "8760h"})
	must(t, err)
	ids["tokens"] = token.Value.ID
	scores := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"result":{}}`))
	}))
	t.Cleanup(scores.Close)
	integration, err := c.Integrations.Create(t.Context(), client.Integration{Name: "scores", Type: proto.TypeCustomS2S,
		Interval: "1h", Config: client.IntegrationConfig{APIURL: scores.URL, ClientID: token.Value.ClientID,
			ClientSecret: token.Value.ClientSecret}})
	must(t, err)
	ids["integrations"] = integration.Value.ID
	check, err := c.Checks.Create(t.Context(), map[string]any{"name": "healthy", "type": proto.TypeCustomS2S,
		"input": map[string]any{"connection_id": integration.Value.ID, "operator": ">=", "score": 60}})
	must(t, err)
	ids["checks"] = check.Value.ID
	return ids
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
