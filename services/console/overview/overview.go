package overview

import (
	"context"
	"embed"
	"html/template"
	"net/http"
	"net/url"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/console/hold"
	"plumbline.dev/services/plumb/client"
)

//go:embed *.html
var files embed.FS

var set = frame.Parse(files, template.FuncMap{"change": hold.Change, "effect": hold.Effect})

// Register adds the screen.
func Register(f *frame.Frame) {
	f.Get("/", func(r *frame.Request) error { return r.Redirect("/overview", "") })
	f.Get("/overview", show)
}

// show answers with the overview. It asks the API twice, whatever the size of the account.
func show(r *frame.Request) error {
	state, err := r.API.Dashboard(r.Context())
	if err != nil {
		return err
	}
	holds, err := openHolds(r.Context(), r.API)
	denied := client.HasStatus(err, http.StatusForbidden)
	if err != nil && !denied {
		return err
	}
	v := newView(&state, holds, r.Now)
	v.NoHolds = denied
	v.All = r.URL.Query().Get("checks") == "all"
	return r.Page(frame.Page{Title: "Overview", Nav: "/overview", Set: set, Name: "overview", Data: v})
}

// openHolds returns the holds that wait for a decision or their end.
func openHolds(ctx context.Context, api *client.Client) ([]client.Hold, error) {
	all, err := api.Holds(url.Values{"state": {"open"}}).List(ctx)
	holds := make([]client.Hold, len(all))
	for n := range all {
		holds[n] = all[n].Value
	}
	return holds, err
}
