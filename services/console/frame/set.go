package frame

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"regexp"
	"sync"

	"plumbline.dev/services/console/asset"
)

//go:embed *.html
var own embed.FS

// base holds the layout and the components.
var base = mustBase()

// Set is the templates of a screen. It is safe for concurrent use.
type Set struct {
	t *template.Template // never executed, so that it can be cloned
	// guarded reports whether a template depends on the grants of the person.
	guarded bool

	mu    sync.Mutex
	bound map[string]*template.Template // with the functions of grants, by their key
}

// guards finds the functions of grants in a template.
var guards = regexp.MustCompile(`\bmay(link)? "`)

// maxBound is how many grants a set is kept for: a role or a token with permissions of its own each.
const maxBound = 32

// Parse returns the templates of a screen's files *.html. They may use the components and functions of the frame, and
// functions of their own. It panics if a template is invalid.
func Parse(files fs.FS, own ...template.FuncMap) *Set {
	t := template.Must(base.t.Clone())
	for _, more := range own {
		t.Funcs(more)
	}
	s := &Set{t: template.Must(t.ParseFS(files, "*.html"))}
	for _, one := range s.t.Templates() {
		s.guarded = s.guarded || one.Tree != nil && guards.MatchString(one.Tree.Root.String())
	}
	return s
}

func mustBase() *Set {
	t := template.New("").Funcs(functions).Funcs(Grants{}.functions()).Funcs(template.FuncMap{"asset": asset.Path})
	s := &Set{t: template.Must(t.ParseFS(own, "*.html"))}
	parts = template.Must(s.t.Clone())
	return s
}

// Has reports whether the screen has a template.
func (s *Set) Has(name string) bool {
	return name != "" && s.t.Lookup(name) != nil && base.t.Lookup(name) == nil
}

// of returns the templates with the functions of grants.
func (s *Set) of(g Grants) (*template.Template, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.bound[g.key()]; t != nil {
		return t, nil
	}
	t, err := s.t.Clone()
	if err != nil {
		return nil, err
	}
	if s.bound == nil || len(s.bound) >= maxBound {
		s.bound = map[string]*template.Template{}
	}
	t.Funcs(g.functions())
	s.bound[g.key()] = t
	return t, nil
}

func (s *Set) render(w io.Writer, name string, data any, g Grants) error {
	t, err := s.of(g)
	if err == nil {
		err = t.ExecuteTemplate(w, name, data)
	}
	if err != nil {
		return fmt.Errorf("template %q: %w", name, err)
	}
	return nil
}
