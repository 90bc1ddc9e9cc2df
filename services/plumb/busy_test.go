package plumb_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/services/plumb/client"
)

// An installation stops quickly and cleanly with an unresponsive scoring API, an open result stream and an import in
// progress.
func TestStopsWhileBusy(t *testing.T) {
	asked := make(chan struct{}, 100)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Devices []any }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body.Devices) > 0 {
			asked <- struct{}{}
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"result":{}}`)
	}))
	t.Cleanup(api.Close)
	t.Cleanup(api.CloseClientConnections)
	i, stop := start(t, config(t, t.TempDir()))
	c, err := client.New(client.Config{URL: i.APIURL, Token: i.Token, Account: i.Account})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const header = "device_id\n"
	if _, err := c.Import(t.Context(), client.CSV, strings.NewReader(header+"11111111-1111-4111-8111-111111111111\n"),
		nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Integrations.Create(t.Context(), client.Integration{Name: "hangs", Type: "custom_s2s", Interval: "1h",
		Config: client.IntegrationConfig{APIURL: api.URL, ClientID: strings.Repeat("0", 32) + ".access",
			ClientSecret: "s"}}); err != nil {
		t.Fatal(err)
	}
	<-asked

	following, importing := make(chan error, 1), make(chan error, 1)
	first := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for event, err := range c.Follow(ctx, "") {
			if err != nil {
				following <- err
				return
			}
			if event.Kind == client.EventReady {
				close(first)
			}
		}
	}()
	body, rows := io.Pipe()
	go func() {
		_, err := c.Import(ctx, client.CSV, body, nil)
		importing <- err
	}()
	if _, err := io.WriteString(rows, header); err != nil {
		t.Fatal(err)
	}
	<-first
	stop()
	bustest.Eventually(t, "who followed is told", func() bool { return len(following) == 1 })
	rows.Close() // net/http waits for the body before it tells of the lost connection
	bustest.Eventually(t, "who imported is told", func() bool { return len(importing) == 1 })
	if err := <-importing; err == nil {
		t.Error("an import that was cut off succeeded")
	}
}
