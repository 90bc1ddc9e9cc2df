package control

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"plumbline.dev/test/internal/stack"
)

// Config holds the settings of a measurement.
type Config struct {
	Resources int    // the number of applications, of policies and of service tokens
	Devices   int    // enrolled
	Requests  int    // of each kind
	Plumb     string // another build of plumb; "" means this repository's
	Progress  func(format string, args ...any)
}

// Measure creates the account and measures the requests.
func Measure(ctx context.Context, c Config) (r *Report, err error) {
	dir, err := os.MkdirTemp("", "plumbline-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	c.Progress("building plumb")
	p, err := stack.New("up", filepath.Join(dir, "data"))
	if err != nil {
		return nil, err
	}
	p.Binary = c.Plumb
	if err := p.Launch(); err != nil {
		return nil, err
	}
	defer p.Process().Kill()
	if err := stack.Ready(p.Process(), p.Admin, stack.ReadyWithin); err != nil {
		return nil, err
	}
	control, err := p.Control()
	if err != nil {
		return nil, err
	}
	r = &Report{Resources: c.Resources, Devices: c.Devices, Requests: c.Requests}
	rss := func(into *float64) {
		if n, e := p.Process().RSS(); e == nil {
			*into = math.Round(float64(n) / 1e6)
		} else {
			err = e
		}
	}
	rss(&r.EmptyMB)
	a := &account{Config: c, control: control}
	if err := a.fill(ctx); err != nil {
		return nil, err
	}
	rss(&r.FilledMB)
	questions, err := a.questions(ctx)
	if err != nil {
		return nil, err
	}
	for _, q := range questions {
		c.Progress("asking: %s", q.name)
		answer, err := a.ask(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.name, err)
		}
		r.Answers = append(r.Answers, answer)
	}
	rss(&r.AskedMB)
	if peak, e := p.Process().PeakRSS(); e == nil {
		r.PeakMB = math.Round(float64(peak) / 1e6)
	}
	return r, err
}

// question is a kind of request; n counts the requests of this kind.
type question struct {
	name, method string
	path         func(n int) string
	body         func(n int) []byte
}

// ask sends the requests of a question, one after another. The first few are not measured, as they open the
// connection.
func (a *account) ask(ctx context.Context, q question) (Answer, error) {
	const unmeasured = 5
	var took []time.Duration
	size := int64(0)
	for n := range a.Requests + unmeasured {
		var body []byte
		if q.body != nil {
			body = q.body(n)
		}
		path := q.path(n)
		began := time.Now()
		got, err := a.control.Fetch(ctx, q.method, path, body)
		if err != nil {
			return Answer{}, err
		}
		if n >= unmeasured {
			took, size = append(took, time.Since(began)), size+got
		}
	}
	slices.Sort(took)
	at := func(share float64) float64 {
		return math.Round(float64(took[int(share*float64(len(took)-1))].Microseconds())) / 1000
	}
	return Answer{Name: q.name, P50MS: at(0.5), P99MS: at(0.99), MaxMS: at(1), Bytes: size / int64(len(took))}, nil
}

// page returns the path of a random page of a list.
func (a *account) page(list string, size int) func(int) string {
	return func(int) string {
		return fmt.Sprintf("%s?page=%d&per_page=%d", list, 1+rand.IntN(max(1, a.Resources/size)), size)
	}
}

func (a *account) questions(ctx context.Context) ([]question, error) {
	var all []question
	get := func(name string, path func(int) string) {
		all = append(all, question{name: name, method: http.MethodGet, path: path})
	}
	one := func(list string, ids []string) func(int) string {
		return func(int) string { return list + "/" + ids[rand.IntN(len(ids))] }
	}
	for _, list := range []struct {
		name, path string
		ids        []string
	}{{"applications", "/access/apps", a.apps}, {"policies", "/access/policies", a.policies},
		{"service tokens", "/access/service_tokens", a.tokens}} {
		for _, size := range []int{25, 100, 1000} {
			get(fmt.Sprintf("%s, a page of %d", list.name, size), a.page(list.path, size))
		}
		get(list.name+", the default page", func(int) string { return list.path })
		get(list.name+", one", one(list.path, list.ids))
	}
	get("applications, searched", func(n int) string {
		return fmt.Sprintf("/access/apps?search=app+%d", rand.IntN(a.Resources))
	})
	if a.Devices > 0 {
		device := func(list string) func(int) string {
			return func(int) string { return list + "/" + stack.FleetDevice(rand.IntN(a.Devices)).ID.String() }
		}
		for _, list := range deviceLists {
			for _, size := range []int{50, 1000} {
				pages, err := a.walked(ctx, fmt.Sprintf("%s?per_page=%d", list.path, size))
				if err != nil {
					return nil, err
				}
				get(fmt.Sprintf("%s, a page of %d", list.name, size), pages)
			}
			get(list.name+", one", device(list.path))
		}
		get("results of a device", device("/plumbline/results/devices"))
	}
	return append(all, a.changes()...), nil
}

func (a *account) changes() []question {
	made := func(n int) []byte { return application(a.Resources+n, a.policies[n%len(a.policies)], a.Resources+n) }
	return []question{
		{name: "make an application", method: http.MethodPost, path: func(int) string { return "/access/apps" }, body: made},
		{name: "replace an application", method: http.MethodPut,
			path: func(n int) string { return "/access/apps/" + a.apps[n%len(a.apps)] },
			body: func(n int) []byte { return application(n%len(a.apps), a.policies[0], 2*a.Resources+n) }},
		{name: "applications, the first page after a change", method: http.MethodGet,
			path: func(n int) string { a.touch(n); return "/access/apps?per_page=100" }},
	}
}
