package client_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"plumbline.dev/services/plumb/client"
)

// Messages beside a result reach who asked for them, in any form; those beside an error do not.
func TestWarnings(t *testing.T) {
	messages := `[{"code":1,"message":"first"},"second",{"code":2},7,{"message":"third"}]`
	c := serve(t, map[string]http.HandlerFunc{
		"POST /access/groups": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"success":true,"errors":[],"messages":%s,"result":{"id":"g","name":"staff"}}`, messages)
		},
		"GET /access/groups/h": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"success":true,"errors":[],"messages":["of a read"],"result":{"id":"h","name":"staff"}}`)
		},
		"GET /access/groups/g": func(w http.ResponseWriter, r *http.Request) { refuse(w, http.StatusNotFound, 1, "no such group") },
	})
	var got []string
	ctx := client.WithWarnings(t.Context(), func(message string) { got = append(got, message) })
	for _, messages = range []string{messages, "null", `{"message":"none of a list"}`} {
		if g, err := c.Groups.Create(ctx, client.Group{Name: "staff"}); err != nil || g.Value.ID != "g" {
			t.Errorf("%s: %+v, %v", messages, g.Value, err)
		}
	}
	if _, err := c.Groups.Get(ctx, "g"); !client.IsNotFound(err) {
		t.Error(err)
	}
	if want := []string{"first", "second", "third"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	messages, got = `["doubt"]`, nil
	ctx = client.WithDoubts(t.Context(), func(message string) { got = append(got, message) })
	if _, err := c.Groups.Get(ctx, "h"); err != nil {
		t.Error(err)
	}
	if _, err := c.Groups.Create(ctx, client.Group{Name: "staff"}); err != nil || !slices.Equal(got, []string{"doubt"}) {
		t.Errorf("doubts about a change: %q, %v", got, err)
	}
	if _, err := c.Groups.Create(t.Context(), client.Group{Name: "staff"}); err != nil {
		t.Errorf("without anybody to warn: %v", err)
	}
}
