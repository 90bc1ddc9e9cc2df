package palette

import (
	"context"
	"embed"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

//go:embed *.html
var files embed.FS

var set = frame.Parse(files)

const (
	most     = 12               // rows
	mostFind = 5                // devices
	readTime = 5 * time.Second  // for the API to answer
	listAge  = 15 * time.Second // for which the lists of a person are kept
	maxLists = 200              // lists kept, one for each person
)

// Register adds the palette's route.
func Register(f *frame.Frame) {
	p := &palette{frame: f, lists: map[string]*lists{}}
	f.Get("/palette", p.find)
}

type palette struct {
	frame *frame.Frame
	mu    sync.Mutex
	lists map[string]*lists // by person
}

// row is a result.
type row struct{ Kind, Text, Path, Note string }

// lists holds the resources of an account that have names, as a person may see them.
type lists struct {
	once sync.Once
	at   time.Time
	rows []row
	err  error // the API did not answer everything
}

// kinds are the kinds of resources in the palette, with the paths of their pages.
var kinds = []struct {
	kind client.Kind
	name string
	path string
	page string // pattern below the path
}{
	{client.KindIntegration, "Integration", "/integrations/", "{id}"},
	{client.KindCheck, "Check", "/checks/", "{id}"},
	{client.KindApplication, "Application", "/applications/", "{id}"},
	{client.KindPolicy, "Policy", "/policies/", "{policy}"},
	{client.KindServiceToken, "Service token", "/tokens/", "{id}"},
	{client.KindDestination, "Destination", "/destinations/", "{id}"},
	{client.KindGroup, "Group", "/policies/groups/", "{id}"},
}

func (p *palette) find(r *frame.Request) error {
	typed := r.URL.Query().Get("q")
	text := strings.ToLower(strings.TrimSpace(typed))
	rows, failed := p.known(text), false
	if text != "" {
		l := p.of(r)
		rows, failed = append(rows, matching(l.rows, text)...), l.err != nil
		if len(text) > 1 && p.frame.Serves("/devices") {
			found, err := devices(r, text)
			rows, failed = append(rows, found...), failed || err != nil
		}
	}
	return r.Fragment(set, "palette-list", struct {
		Text   string // as typed
		Rows   []row
		Failed bool
	}{typed, rows[:min(len(rows), most)], failed}, 0)
}

// known returns the pages and actions that match; those whose name begins with the text come first.
func (p *palette) known(text string) []row {
	var first, rest []row
	for _, one := range places {
		path, _, _ := strings.Cut(one.path, "?")
		if !p.frame.Serves(path) {
			continue
		}
		found := row{one.kind, one.text, one.path, ""}
		name := strings.ToLower(one.text)
		switch {
		case text == "" && one.kind == "Page", text != "" && strings.HasPrefix(name, text):
			first = append(first, found)
		case text != "" && everyWord(name+" "+one.words, text):
			rest = append(rest, found)
		}
	}
	return append(first, rest...)
}

// everyWord reports whether a text has each word of what was typed.
func everyWord(in, typed string) bool {
	for w := range strings.FieldsSeq(typed) {
		if !strings.Contains(in, w) {
			return false
		}
	}
	return true
}

func matching(rows []row, text string) []row {
	var first, rest []row
	for _, one := range rows {
		name := strings.ToLower(one.Text)
		switch {
		case strings.HasPrefix(name, text), one.Note == text:
			first = append(first, one)
		case everyWord(name+" "+one.Note, text):
			rest = append(rest, one)
		}
	}
	return append(first, rest...)
}

// of returns the person's lists, at most listAge old. The first request reads them for all: the browser ends it with
// the next letter that is typed. Lists with an error are read again.
func (p *palette) of(r *frame.Request) *lists {
	p.mu.Lock()
	key := r.Person.Key()
	l := p.lists[key]
	if l == nil || r.Now.Sub(l.at) >= listAge {
		if len(p.lists) >= maxLists {
			clear(p.lists)
		}
		l = &lists{at: r.Now}
		p.lists[key] = l
	}
	p.mu.Unlock()
	l.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), readTime)
		defer cancel()
		if l.rows, l.err = p.read(ctx, r.API); l.err == nil {
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.lists[key] == l {
			delete(p.lists, key)
		}
	})
	return l
}

// read returns the resources of every kind that the person may see. A kind that they may not see is left out. With an
// error the rows are those of the kinds that could be read.
func (p *palette) read(ctx context.Context, api *client.Client) ([]row, error) {
	found, errs := make([][]row, len(kinds)), make([]error, len(kinds))
	var all sync.WaitGroup
	for i, k := range kinds {
		if !p.frame.Serves(k.path + k.page) {
			continue
		}
		all.Go(func() {
			items, err := api.Objects(k.kind).List(ctx)
			if !client.HasStatus(err, http.StatusForbidden) {
				errs[i] = err
			}
			for _, item := range items {
				id := item.Value.ResourceID()
				found[i] = append(found[i], row{k.name, item.Value.ResourceName(), k.path + url.PathEscape(id), id})
			}
		})
	}
	all.Wait()
	return slices.Concat(found...), errors.Join(errs...)
}

// devices returns the devices that have the text; none without the permission to read them.
func devices(r *frame.Request, text string) ([]row, error) {
	all, _, err := r.API.Devices(r.Context(), url.Values{"search": {text}}, mostFind)
	if client.HasStatus(err, http.StatusForbidden) {
		return nil, nil
	}
	var rows []row
	for _, d := range all {
		note := d.Value.ID
		if u := d.Value.User; u != nil && u.Email != "" {
			note = u.Email
		}
		rows = append(rows, row{"Device", d.Value.Name, "/devices/" + url.PathEscape(d.Value.ID), note})
	}
	return rows, err
}
