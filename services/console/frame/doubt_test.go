package frame_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"plumbline.dev/services/console/consoletest"
	"plumbline.dev/services/console/frame"
)

// doubting answers with messages beside the result.
func doubting(messages ...string) http.HandlerFunc {
	all := []any{}
	for _, m := range messages {
		all = append(all, map[string]any{"code": 1, "message": m})
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"success": true, "result": map[string]any{}, "errors": []any{},
			"messages": all})
	}
}

// page has an action that is answered with a page.
func page(f *frame.Frame) {
	screen(f)
	f.Post("/things/{id}/page", func(r *frame.Request) error {
		if _, err := r.API.PollNow(r.Context(), r.PathValue("id")); err != nil {
			return err
		}
		return r.Page(frame.Page{Title: "Thing", Nav: "/devices", Set: set, Name: "thing", Data: "done"})
	})
}

func doubtsOn(p *consoletest.Page) (all []string) {
	for _, text := range p.Texts("div", "warn") {
		if doubt, found := strings.CutPrefix(text, "The control plane says: "); found {
			all = append(all, doubt)
		}
	}
	return all
}

// What the API doubts about an action is shown once, whatever answers the action.
func TestTheDoubtsOfTheAPIAreShown(t *testing.T) {
	want := []string{"Another check has the name " + consoletest.Hostile + ".", "X_recover_score has no effect."}
	c := consoletest.New(t, map[string]http.HandlerFunc{"POST /plumbline/integrations/a/poll": doubting(
		"another check has the name "+consoletest.Hostile, "x_recover_score has no effect", "x_recover_score has no effect"),
		"GET /plumbline/status": consoletest.Answer([]any{})}, page)
	if got := doubtsOn(c.Post("/things/a/page", nil).Has(http.StatusOK, "done").Safe()); !slices.Equal(got, want) {
		t.Errorf("on the page of an action: %q", got)
	}
	follow := func(answer *consoletest.Page) *consoletest.Page {
		r := c.Request(http.MethodGet, "/things/1", nil)
		for _, cookie := range (&http.Response{Header: answer.Header}).Cookies() {
			r.AddCookie(cookie)
		}
		return c.Do(r)
	}
	moved := follow(c.Post("/things/a/poll", nil)).Has(http.StatusOK, "Polled.").Safe()
	if got := doubtsOn(moved); !slices.Equal(got, want) {
		t.Errorf("after a redirect: %q", got)
	}
	if got := doubtsOn(follow(moved)); len(got) > 0 {
		t.Errorf("shown again: %q", got)
	}
	r := c.Request(http.MethodPost, "/things/a/page", nil)
	r.Header.Set("HX-Request", "true")
	r.Header.Set("HX-Target", "div#list")
	part := c.Do(r).Has(http.StatusOK, "done")
	if got := doubtsOn(follow(part)); !slices.Equal(got, want) {
		t.Errorf("on the page after a fragment: %q", got)
	}
	reading := consoletest.New(t, map[string]http.HandlerFunc{"POST /plumbline/integrations/a/poll": doubting(),
		"GET /plumbline/status": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"success":true,"result":[],"errors":[],"messages":[{"message":"members were left out"}]}`))
		}}, page)
	for _, p := range []*consoletest.Page{reading.Get("/things/a"), reading.Post("/things/a/page", nil)} {
		if got := doubtsOn(p.Has(http.StatusOK)); len(got) > 0 {
			t.Errorf("about a list: %q", got)
		}
	}
}
