package demo

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"plumbline.dev/services/plumb"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/sample"
)

// Config describes the demo.
type Config struct {
	SampleAddr string // listen address of the sample scoring API
	Interval   string // time between polls, such as "5s"
	// Ready is called when every service is ready; it may be nil.
	Ready func(plumb.Installation)
}

// Add adds the demo to an installation that has not started: the sample scoring API, the set-up, and a line on out for
// each poll. On a terminal, out also shows a progress bar.
func Add(s *plumb.Service, cfg Config, deps plumb.Deps, out io.Writer, terminal bool) {
	d := &demo{cfg: cfg, deps: deps, plumb: s, show: Show{Out: out, Terminal: terminal}}
	s.Claim("--sample-addr", &d.cfg.SampleAddr)
	s.Add("sample scoring API", d.score)
	s.Add("demo", d.run)
}

type demo struct {
	cfg    Config
	deps   plumb.Deps
	plumb  *plumb.Service
	show   Show
	scorer atomic.Pointer[sample.Service]
}

// unknownShare is the share of devices that the sample API does not know, about ten devices, so that some results are
// unknown.
const unknownShare = 0.004

// score runs the sample scoring API until ctx ends.
func (d *demo) score(ctx context.Context) error {
	i, err := d.plumb.Await(ctx)
	if err != nil {
		return nil // stopped before it was ready; the cause is reported elsewhere
	}
	s, err := sample.New(sample.Config{Addr: d.cfg.SampleAddr, Issuer: i.TeamDomain, Missing: unknownShare},
		sample.Deps{Log: d.deps.Log, Metrics: d.deps.Metrics, Clock: d.deps.Clock})
	if err != nil {
		return err
	}
	d.scorer.Store(s)
	return s.Run(ctx)
}

// listening waits until the sample scoring API listens.
func (d *demo) listening(ctx context.Context) error {
	for {
		if s := d.scorer.Load(); s != nil && s.Addr() != "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// run sets up the demo and shows polls until ctx ends.
func (d *demo) run(ctx context.Context) error {
	i, err := d.plumb.Await(ctx)
	if err == nil {
		err = d.listening(ctx)
	}
	if err != nil {
		return nil // stopped before it was ready; the cause is reported elsewhere
	}
	if d.cfg.Ready != nil {
		d.cfg.Ready(i)
	}
	c, err := client.New(client.Config{URL: i.APIURL, Token: i.Token, Account: i.Account})
	if err != nil {
		return err
	}
	defer c.Close()
	setup := Setup{Client: c, ScoringURL: "http://" + d.cfg.SampleAddr + "/", Interval: d.cfg.Interval,
		Audience: func(aud string) error { d.scorer.Load().SetAudience(aud); return nil },
		Devices:  sample.Devices(),
		Progress: func(what string) { fmt.Fprintf(d.show.Out, "%s ...\n", what) }}
	made, err := setup.Run(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	d.tell(made)
	return d.follow(ctx, c, i, made.Integration)
}

// follow shows each poll. After the first poll it also shows an application behind the gateway.
func (d *demo) follow(ctx context.Context, c *client.Client, i plumb.Installation, integration string) error {
	g := guarded{client: c, installation: i, show: &d.show}
	polled, done := make(chan struct{}), make(chan struct{})
	seen := func(p client.Poll, last bool) {
		d.show.Seen(p, last)
		if last && polled != nil {
			close(polled)
			polled = nil
		}
	}
	go func(polled <-chan struct{}) {
		defer close(done)
		select {
		case <-ctx.Done():
			return
		case <-polled:
		}
		if err := g.run(ctx); err != nil && ctx.Err() == nil {
			d.show.Print(fmt.Sprintf("failed to show the application behind the gateway: %v\n", err))
		}
	}(polled)
	watch := Watch{Client: c, Integration: integration, Seen: seen, Failed: d.show.Failed}
	err := watch.Run(ctx, nil)
	if err == nil {
		<-done
	}
	return err
}

// tell explains what the demo shows.
func (d *demo) tell(made Made) {
	if made.Again {
		fmt.Fprintln(d.show.Out, "using the demo data of an earlier run")
	} else {
		fmt.Fprintf(d.show.Out, "%s devices are enrolled\n", count(made.Imported.Enrolled))
	}
	fmt.Fprintf(d.show.Out,
		"polling the sample scoring API at %s every %s; each device has a result for each of two checks:\n",
		d.cfg.SampleAddr, d.cfg.Interval)
	for _, c := range Checks {
		fmt.Fprintf(d.show.Out, "  score %s %d   %s\n", c.Operator, c.Score, c.Name)
	}
	fmt.Fprintln(d.show.Out)
}
