package client_test

import (
	"net/http"
	"strings"
	"testing"

	"plumbline.dev/services/plumb/client"
)

// The open hold of a name is meant, also if a check of that name has older holds of another integration.
func TestTheHoldOfAName(t *testing.T) {
	all := []client.Hold{ // the newest first
		{ID: "1", Name: "moved", Check: "a", State: "ended"}, {ID: "2", Name: "moved", Check: "a", State: "standing"},
		{ID: "3", Name: "over", Check: "b", State: "released"}, {ID: "4", Name: "over", Check: "b", State: "ended"},
		{ID: "5", Name: "twin", Check: "c", State: "standing"}, {ID: "6", Name: "twin", Check: "d", State: "expired"},
		{ID: "7", Name: "past", Check: "e", State: "ended"}, {ID: "8", Name: "past", Check: "f", State: "ended"},
	}
	routes := map[string]http.HandlerFunc{"GET /plumbline/holds": func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("page") != "1" {
			answer(w, []client.Hold{})
			return
		}
		answer(w, all)
	}}
	for _, h := range all {
		routes["GET /plumbline/holds/"+h.ID] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"r`+h.ID+`"`)
			answer(w, h)
		}
	}
	c := serve(t, routes)
	for name, want := range map[string]string{"moved": "2", "over": "3", "1": "1", "4": "4", "8": "8"} {
		if got, err := c.CurrentHold(t.Context(), name); err != nil || got.Value.ID != want || got.Revision != `"r`+want+`"` {
			t.Errorf("%s: %+v, %v, want %s", name, got, err, want)
		}
	}
	for _, name := range []string{"twin", "past"} {
		if got, err := c.CurrentHold(t.Context(), name); err == nil ||
			!strings.Contains(err.Error(), "2 holds have the name") {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := c.CurrentHold(t.Context(), "none"); !client.IsNotFound(err) {
		t.Errorf("%v", err)
	}
}
