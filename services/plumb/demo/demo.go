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

// Config says what is demonstrated.
type Config struct {
	SampleAddr string // where the sample scoring API listens
	Interval   string // how often it is polled, such as "5s"
	// Ready is called once every service is ready; nil: nothing is.
	Ready func(plumb.Installation)
}

// Add adds the demo to an installation that has not started yet: the sample scoring API, the set-up, and the
// polls as they happen, which are printed to out; on a terminal with a progress bar.
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

// unknownShare is how many of the devices the sample API does not know: about ten, so that there is
// something unknown to see.
const unknownShare = 0.004

// score runs the sample scoring API until ctx ends.
func (d *demo) score(ctx context.Context) error {
	i, err := d.plumb.Await(ctx)
	if err != nil {
		return nil // ended before it was ready; who ended it says why
	}
	s, err := sample.New(sample.Config{Addr: d.cfg.SampleAddr, Issuer: i.TeamDomain, Missing: unknownShare},
		sample.Deps{Log: d.deps.Log, Metrics: d.deps.Metrics, Clock: d.deps.Clock})
	if err != nil {
		return err
	}
	d.scorer.Store(s)
	return s.Run(ctx)
}

// listening waits until the sample scoring API can be called.
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

// run sets up what there is to see, and shows it until ctx ends.
func (d *demo) run(ctx context.Context) error {
	i, err := d.plumb.Await(ctx)
	if err == nil {
		err = d.listening(ctx)
	}
	if err != nil {
		return nil // ended before it was ready; who ended it says why
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

// follow shows each poll, and after the first, beside them, an application behind the gateway.
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
			d.show.Print(fmt.Sprintf("the application behind the gateway cannot be shown: %v\n", err))
		}
	}(polled)
	watch := Watch{Client: c, Integration: integration, Seen: seen, Failed: d.show.Failed}
	err := watch.Run(ctx, nil)
	if err == nil {
		<-done
	}
	return err
}

// tell says what is about to be seen.
func (d *demo) tell(made Made) {
	if made.Again {
		fmt.Fprintln(d.show.Out, "going on with what an earlier run set up")
	} else {
		fmt.Fprintf(d.show.Out, "%s devices are enrolled\n", count(made.Imported.Enrolled))
	}
	fmt.Fprintf(d.show.Out, "the sample scoring API at %s is polled every %s; each device has a result for each of two checks:\n",
		d.cfg.SampleAddr, d.cfg.Interval)
	for _, c := range Checks {
		fmt.Fprintf(d.show.Out, "  score %s %d   %s\n", c.Operator, c.Score, c.Name)
	}
	fmt.Fprintln(d.show.Out)
}
