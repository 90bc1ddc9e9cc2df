package frame

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"

	"plumbline.dev/services/console/asset"
)

//go:embed *.html
var own embed.FS

// base holds the layout and the components.
var base = mustBase()

// Set is the templates of a screen.
type Set struct{ t *template.Template }

// Parse returns the templates of a screen's files *.html. They may use the components and functions of the frame, and
// functions of their own. It panics if a template is invalid.
func Parse(files fs.FS, own ...template.FuncMap) *Set {
	t := template.Must(base.t.Clone())
	for _, more := range own {
		t.Funcs(more)
	}
	return &Set{template.Must(t.ParseFS(files, "*.html"))}
}

func mustBase() *Set {
	t := template.New("").Funcs(functions).Funcs(template.FuncMap{"asset": asset.Path})
	s := &Set{template.Must(t.ParseFS(own, "*.html"))}
	parts = template.Must(s.t.Clone())
	return s
}

// Has reports whether the screen has a template.
func (s *Set) Has(name string) bool {
	return name != "" && s.t.Lookup(name) != nil && base.t.Lookup(name) == nil
}

func (s *Set) render(w io.Writer, name string, data any) error {
	if err := s.t.ExecuteTemplate(w, name, data); err != nil {
		return fmt.Errorf("template %q: %w", name, err)
	}
	return nil
}
