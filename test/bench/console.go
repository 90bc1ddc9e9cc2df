package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"plumbline.dev/test/bench/tabs"
)

// besides is the result of polls with and without open consoles. Times are medians over the rounds.
type besides struct {
	Devices      int     `json:"devices"`
	Pages        int     `json:"pages"`
	Consoles     int     `json:"consoles"`
	Rounds       int     `json:"rounds"`
	APILatencyMS float64 `json:"api_latency_ms"`
	// AloneS is the time from the tick to the last entry of a poll without a console, WithS with all of them. Ratio is
	// WithS divided by AloneS. The same of the processor time of plumb up, which is the console's too.
	AloneS    float64 `json:"alone_s"`
	WithS     float64 `json:"with_s"`
	Ratio     float64 `json:"ratio"`
	AloneCPUS float64 `json:"alone_cpu_s"`
	WithCPUS  float64 `json:"with_cpu_s"`
	CPURatio  float64 `json:"cpu_ratio"`
	// Changed is the number of results that change in a poll.
	Changed float64 `json:"changed_per_poll"`
	// Rows is the number of rows that a tail shows in a round, and Loads how often an overview is loaded again.
	Rows  float64 `json:"rows_per_tail"`
	Loads float64 `json:"loads_per_overview"`
}

// quiet is how long the streams of closed tabs go on, and the time for the rest of their work.
const quiet = 12 * time.Second

// watchPolls measures polls beside open consoles.
func watchPolls(ctx context.Context, args []string) error {
	var c config
	flags := flag.NewFlagSet("bench console", flag.ExitOnError)
	flags.IntVar(&c.devices, "devices", 1_000_000, "devices to enrol and poll")
	flags.IntVar(&c.consoles, "consoles", 10, "people, each with a live tail and an overview open")
	flags.IntVar(&c.concurrency, "concurrency", 8, "concurrent calls to the scoring API")
	flags.IntVar(&c.rounds, "rounds", 9, "rounds of a poll without consoles and one with them; the medians are reported")
	flags.DurationVar(&c.latency, "api-latency", 20*time.Millisecond,
		"response time of the scoring API, excluding reading and writing JSON")
	flags.BoolVar(&c.json, "json", false, "print only one line of JSON")
	flags.StringVar(&c.plumb, "plumb", "", "path of another plumb binary to measure (default: this repository's)")
	within := flags.Duration("timeout", 30*time.Minute, "give up after")
	_ = flags.Parse(args) // exits by itself
	if c.devices < 1 || c.consoles < 1 || c.rounds < 1 || flags.NArg() > 0 {
		return errors.New("the numbers must be positive; see --help")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, *within, errTime)
	defer cancel()
	r, err := measureBeside(ctx, c)
	if err == nil && c.json {
		err = json.NewEncoder(os.Stdout).Encode(r)
	} else if err == nil {
		r.print(os.Stdout)
	}
	return err
}

func measureBeside(ctx context.Context, c config) (*besides, error) {
	progress(c, "building plumb")
	api, err := startAPI()
	if err != nil {
		return nil, err
	}
	defer api.process.Kill()
	p, err := startPipeline(ctx, c, api)
	if err != nil {
		return nil, err
	}
	defer p.close()
	progress(c, "first poll")
	if err := p.first(ctx); err != nil {
		return nil, err
	}
	if err := api.latency(ctx, c.latency); err != nil {
		return nil, err
	}
	tokens, err := p.people(ctx, c.consoles)
	if err != nil {
		return nil, err
	}
	var alone, with sides
	for n := range c.rounds {
		if n > 0 {
			if err := pause(ctx, quiet); err != nil {
				return nil, err
			}
		}
		if err := p.side(ctx, &alone); err != nil {
			return nil, err
		}
		if err := p.sideWith(ctx, &with, tokens); err != nil {
			return nil, err
		}
		progress(c, "round %d: alone %.3f s, CPU %.3f s; with %d consoles %.3f s, CPU %.3f s", n+1, alone.times[n],
			alone.cpus[n], c.consoles, with.times[n], with.cpus[n])
	}
	r := &besides{Devices: c.devices, Pages: p.pages, Consoles: c.consoles, Rounds: c.rounds,
		APILatencyMS: float64(c.latency) / 1e6, AloneS: round(median(alone.times)), WithS: round(median(with.times)),
		AloneCPUS: round(median(alone.cpus)), WithCPUS: round(median(with.cpus)), Changed: median(with.changes),
		Rows: round(median(with.rows)), Loads: round(median(with.loads))}
	r.Ratio, r.CPURatio = round(r.WithS/r.AloneS), round(r.WithCPUS/r.AloneCPUS)
	return r, nil
}

// sides holds the polls of a side.
type sides struct{ times, cpus, changes, rows, loads []float64 }

// side measures a poll.
func (p *pipeline) side(ctx context.Context, s *sides) error {
	before, err := p.plumb.Process().CPU()
	if err != nil {
		return err
	}
	done, err := p.poll(ctx)
	if err != nil {
		return err
	}
	after, err := p.plumb.Process().CPU()
	s.times, s.cpus = append(s.times, done.took.Seconds()), append(s.cpus, (after-before).Seconds())
	s.changes = append(s.changes, float64(done.changed))
	return err
}

// sideWith measures a poll while people with these tokens follow it. Their tabs see it to its end before they close.
func (p *pipeline) sideWith(ctx context.Context, s *sides, tokens []string) error {
	open, shut := context.WithCancel(ctx)
	defer shut()
	var people []*tabs.Browser
	for _, token := range tokens {
		b, err := tabs.Login(open, "http://"+p.plumb.Console, token)
		if err != nil {
			return err
		}
		people = append(people, b)
		for _, page := range []tabs.Page{tabs.Tail, tabs.Overview} {
			if err := b.Open(open, page); err != nil {
				return err
			}
		}
	}
	for slices.ContainsFunc(people, func(b *tabs.Browser) bool { return b.Rows.Load() == 0 }) { // the newest page
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return errors.Join(err, errors.New("a live tail shows no page"))
		}
	}
	begun := rowsOf(people)
	if err := p.side(ctx, s); err != nil {
		return err
	}
	for rowsOf(people)-begun < int64(len(people)) && s.changes[len(s.changes)-1] > 0 {
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return errors.Join(err, errors.New("the live tails show nothing"))
		}
	}
	rows, loads := rowsOf(people)-begun, int64(0)
	shut()
	for _, b := range people {
		loads += b.Loads.Load()
		if err := b.Wait(); err != nil {
			return err
		}
	}
	s.rows = append(s.rows, float64(rows)/float64(len(people)))
	s.loads = append(s.loads, float64(loads)/float64(len(people)))
	return nil
}

func rowsOf(people []*tabs.Browser) (rows int64) {
	for _, b := range people {
		rows += b.Rows.Load()
	}
	return rows
}

// people returns the API tokens of people who may do everything.
func (p *pipeline) people(ctx context.Context, count int) ([]string, error) {
	var groups []struct {
		ID string `json:"id"`
	}
	if err := p.control.Call(ctx, "GET", "/tokens/permission_groups", nil, &groups); err != nil {
		return nil, err
	}
	tokens := make([]string, count)
	for n := range tokens {
		var made struct{ Value string }
		body := map[string]any{"name": fmt.Sprintf("person %d", n), "policies": []any{map[string]any{
			"effect": "allow", "permission_groups": groups,
			"resources": map[string]any{"com.cloudflare.api.account." + p.control.Account.String(): "*"}}}}
		if err := p.control.Call(ctx, "POST", "/tokens", body, &made); err != nil {
			return nil, err
		}
		tokens[n] = made.Value
	}
	return tokens, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *besides) print(w io.Writer) {
	fmt.Fprintf(w, `
%d devices in %d pages, %g ms of API latency, medians of %d rounds

  poll alone             %8.3f s   %8.3f s of processor time
  with %3d consoles      %8.3f s   %8.3f s of processor time
  ratio                  %8.3f     %8.3f

%.0f results change in a poll; a live tail shows %.0f rows, and an overview is loaded again %.1f times.
`, r.Devices, r.Pages, r.APILatencyMS, r.Rounds, r.AloneS, r.AloneCPUS, r.Consoles, r.WithS, r.WithCPUS, r.Ratio,
		r.CPURatio, r.Changed, r.Rows, r.Loads)
}
