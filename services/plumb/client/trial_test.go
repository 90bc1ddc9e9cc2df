package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/plumb/client"
)

// trialOf returns a client of a server with a response to a trial.
func trialOf(t *testing.T, answer http.HandlerFunc) *client.Client {
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	c, err := client.New(client.Config{URL: server.URL, Token: "t", Account: proto.NewAccount()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// A truncated trial is an error, with any content before.
func TestATrialWithoutASummaryIsIncomplete(t *testing.T) {
	for text, want := range map[string]string{
		"{\"kind\":\"step\",\"flips\":3}\n": "incomplete",
		"":                                  "incomplete",
		"{\"kind\":\"step\"}\n{\"kind\":\"summary\"}\n": "",
		"{\"kind\":\"step\"}\nno line\n":                "trial: ",
	} {
		c := trialOf(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
		var failed error
		for _, err := range c.TryLog(t.Context(), client.TrialRequest{Since: "1h"}) {
			failed = err
		}
		if (failed != nil) != (want != "") || failed != nil && !strings.Contains(failed.Error(), want) {
			t.Errorf("%q: %v, want %q", text, failed, want)
		}
	}
}

// The request ends with its context: the server notices.
func TestATrialEndsWithItsContext(t *testing.T) {
	gone := make(chan struct{})
	c := trialOf(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, `{"kind":"step","step":1}`)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(gone)
	})
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	var failed error
	for line, err := range c.TryLog(ctx, client.TrialRequest{Since: "1h"}) {
		if failed = err; err == nil && line.Value.Step != 1 {
			t.Errorf("%+v", line.Value)
		}
		leave()
	}
	<-gone
	if failed == nil {
		t.Error("a trial that was left ended without an error")
	}
}
