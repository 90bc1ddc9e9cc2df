package frame

import (
	"bytes"
	"cmp"
	"html/template"
	"net/http"
	"strconv"

	"plumbline.dev/services/console/session"
)

// Page is a page of a screen.
type Page struct {
	Title  string  // of the window, and the last breadcrumb
	Nav    string  // path of the current entry of the navigation, such as /devices
	Crumbs []Crumb // pages above this one
	Set    *Set
	// Name is the template of the content of <main>, which includes the page's <h1>.
	Name string
	Data any
	// Status is the HTTP status; 0 is 200.
	Status int
	// Live is the path of the page's live events. Default: /live, with the event "status" whenever the state of an
	// integration changes. /live?kind=results has the event "results" too, at most one a second. A screen with events
	// of its own has a path that ends in /live and answers with [Request.Stream].
	Live string
	// Sheet shows the page without the navigation, as the login does.
	Sheet bool
	// Refresh makes the browser load the page again after so many seconds; 0: never.
	Refresh int
}

// Crumb is a breadcrumb.
type Crumb struct{ Text, Path string }

// layout is the data of the layout's template.
type layout struct {
	*Page
	Nonce  string
	Person session.Person
	Nav    []group
	State  State
	Flash  string
	Doubts []string // of the API about an action
	Body   template.HTML
}

// Page answers with a page. If htmx asks for an element whose id is the name of a template of the set, it gets that
// template only.
func (r *Request) Page(p Page) error {
	if id := r.target(); r.Fragmented() && p.Set.Has(id) {
		return r.Fragment(p.Set, id, p.Data, p.Status)
	}
	var body bytes.Buffer
	if err := p.Set.render(&body, p.Name, p.Data, r.grants(p.Set)); err != nil {
		return err
	}
	view := layout{Page: &p, Nonce: r.nonce, Person: r.Person,
		Body: template.HTML(body.String())} //nolint:gosec // rendered by a template
	view.Flash, view.Doubts = r.takeFlash()
	view.Doubts = append(view.Doubts, r.doubts()...)
	p.Live = cmp.Or(p.Live, streamPath)
	if !p.Sheet {
		view.State = r.frame.stateOf(r)
		view.Nav = navigation(p.Nav, view.State, r.frame.Serves)
	}
	var all bytes.Buffer
	if err := base.render(&all, "page", view, r.grants(p.Set)); err != nil {
		return err
	}
	r.send(p.Status, all.Bytes())
	return nil
}

// Fragment answers with a template only. A status of 0 is 200. A fragment has no place for the API's messages about an
// action: the next page shows them.
func (r *Request) Fragment(s *Set, name string, data any, status int) error {
	var b bytes.Buffer
	if err := s.render(&b, name, data, r.grants(s)); err != nil {
		return err
	}
	r.setFlash("", r.doubts())
	r.send(status, b.Bytes())
	return nil
}

func (r *Request) send(status int, body []byte) {
	if status == 0 {
		status = http.StatusOK
	}
	h := r.W.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Add("Vary", "HX-Request, HX-Target, Cookie")
	r.W.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = r.W.Write(body) // the browser may have left
	}
}
