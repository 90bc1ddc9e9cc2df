package overview

import (
	"embed"

	"plumbline.dev/services/console/frame"
)

//go:embed *.html
var files embed.FS

var set = frame.Parse(files)

// Register adds the screen.
func Register(f *frame.Frame) {
	f.Get("/", func(r *frame.Request) error { return r.Redirect("/overview", "") })
	f.Get("/overview", show)
}

func show(r *frame.Request) error {
	all, err := r.API.Status(r.Context())
	if err != nil {
		return err
	}
	return r.Page(frame.Page{Title: "Overview", Nav: "/overview", Set: set, Name: "overview", Data: all})
}
