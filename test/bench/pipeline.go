package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/test/internal/ledger"
	"plumbline.dev/test/internal/stack"
)

// pipeline is an installation polling the scoring API.
type pipeline struct {
	plumb       *stack.Plumb
	control     *stack.Control
	operator    *bus.Conn
	integration proto.ID
	pages       int
	importTook  time.Duration
	tick        uint64 // of the last poll
	entries     chan entry
	closers     []func()
}

// checks is the number of checks of the integration.
const checks = 2

// entry is the information in the headers of a log entry.
type entry struct {
	page    topology.PageNumber
	at      time.Time // by the server's clock
	summary proto.Summary
}

func startPipeline(ctx context.Context, c config, api *apiProcess) (p *pipeline, err error) {
	p = &pipeline{entries: make(chan entry, 4096)}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	dir := c.keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "plumbline-bench-"); err != nil {
			return p, err
		}
		p.closers = append(p.closers, func() { os.RemoveAll(dir) })
	}
	if p.plumb, err = stack.New("up", filepath.Join(dir, "data")); err != nil {
		return p, err
	}
	p.plumb.Binary = c.plumb
	if err = p.plumb.Launch(); err != nil {
		return p, err
	}
	p.closers = append(p.closers, func() { p.plumb.Process().Kill() })
	if err = stack.Ready(p.plumb.Process(), p.plumb.Admin, stack.ReadyWithin); err != nil {
		return p, err
	}
	if p.control, err = p.plumb.Control(); err != nil {
		return p, err
	}
	if p.operator, err = p.plumb.Operator(ctx, slog.New(slog.DiscardHandler)); err != nil {
		return p, err
	}
	p.closers = append(p.closers, p.operator.Close)

	progress(c, "enrolling %d devices", c.devices)
	begin := time.Now()
	done, err := p.control.Import(ctx, stack.Fleet(c.devices))
	if err != nil {
		return p, err
	}
	p.importTook = time.Since(begin)
	if done.Enrolled != c.devices {
		return p, fmt.Errorf("of %d devices %d were enrolled", c.devices, done.Enrolled)
	}
	p.pages = (c.devices + proto.PageSize - 1) / proto.PageSize
	p.integration, err = configure(ctx, c, p.control, api, p.plumb.Certs(), p.plumb.Issuer())
	if err != nil {
		return p, err
	}
	return p, p.watch(ctx)
}

// configure creates the token, the application, the integration and the checks. The interval is so long that every
// poll but the first is requested by the benchmark.
func configure(ctx context.Context, c config, control *stack.Control, api *apiProcess, certs,
	issuer string) (proto.ID, error) {
	if err := control.BreakersOff(ctx); err != nil { // the benchmark has polls that change everything
		return proto.ID{}, err
	}
	token, err := control.CreateToken(ctx, "bench")
	if err != nil {
		return proto.ID{}, err
	}
	app, err := control.CreateApplication(ctx, "scoring API", api.addr, token.ID)
	if err != nil {
		return proto.ID{}, err
	}
	if err := api.set(ctx, settings{Certs: certs, Issuer: issuer, AUD: app.AUD}); err != nil {
		return proto.ID{}, err
	}
	integration, err := control.CreateIntegration(ctx, stack.Integration{
		Name: "bench", URL: api.url(), Interval: "24h", ClientID: token.ClientID, ClientSecret: token.ClientSecret,
		Concurrency: c.concurrency,
	})
	if err != nil {
		return integration, err
	}
	for n := range checks {
		_, err := control.CreateCheck(ctx, stack.Check{
			Name: fmt.Sprintf("check %d", n), Integration: integration, Operator: ">=", Score: 40 + 30*n, Expiration: "72h",
		})
		if err != nil {
			return integration, err
		}
	}
	return integration, nil
}

func (p *pipeline) close() {
	for i := len(p.closers) - 1; i >= 0; i-- {
		p.closers[i]()
	}
}

// watch reads the headers of the log's entries, without the bodies.
func (p *pipeline) watch(ctx context.Context) error {
	consumer, err := p.operator.JetStream().OrderedConsumer(ctx, topology.PostureLog, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{topology.LogOfIntegration(p.control.Account, p.integration)}, HeadersOnly: true,
		DeliverPolicy: jetstream.DeliverAllPolicy, NamePrefix: topology.FollowPrefix + nuid.Next(),
	})
	if err != nil {
		return err
	}
	consuming, err := consumer.Consume(func(m jetstream.Msg) {
		ref, err1 := topology.ParsePage(m.Subject())
		meta, err2 := m.Metadata()
		summary, err3 := proto.ParseSummary(m.Headers().Get(proto.HeaderSummary))
		if err1 == nil && err2 == nil && err3 == nil {
			p.entries <- entry{page: ref.Page, at: meta.Timestamp, summary: summary}
		}
	})
	if err != nil {
		return err
	}
	p.closers = append(p.closers, consuming.Stop)
	return nil
}

// first waits for the automatic first poll of a new integration and the resulting evaluations.
func (p *pipeline) first(ctx context.Context) error {
	if _, err := p.await(ctx); err != nil {
		return err
	}
	return awaitDrained(ctx, p.operator)
}

// polled is the result of a poll.
type polled struct {
	took    time.Duration // from the tick to the last entry, by the server's clock
	fetched time.Duration // from the tick to the last page's scores, by the server's clock
	changed int
}

// poll requests a poll and waits for the last entry.
func (p *pipeline) poll(ctx context.Context) (polled, error) {
	if err := p.control.PollNow(ctx, p.integration); err != nil {
		return polled{}, err
	}
	return p.await(ctx)
}

// await waits until each page has an entry for the newest tick.
func (p *pipeline) await(ctx context.Context) (polled, error) {
	var tick ledger.Tick
	err := stack.AskUntil(10*time.Second, func() (err error) {
		tick, err = ledger.NewestTick(ctx, p.operator, p.control.Account, p.integration)
		if err == nil && tick.Seq <= p.tick {
			err = fmt.Errorf("no tick after %d", p.tick)
		}
		return err
	})
	if err != nil {
		return polled{}, err
	}
	p.tick = tick.Seq
	var last time.Time
	var done polled
	seen := map[topology.PageNumber]bool{}
	for len(seen) < p.pages {
		select {
		case <-ctx.Done():
			return done, fmt.Errorf("%d of %d pages have their entry of tick %d: %w", len(seen), p.pages, tick.Seq,
				context.Cause(ctx))
		case <-p.plumb.Process().Exited():
			return done, fmt.Errorf("plumb up ended:\n%s", p.plumb.Process().Log())
		case e := <-p.entries:
			if e.summary.Tick != tick.Seq || e.summary.Cause != proto.CausePoll {
				continue
			}
			if e.summary.Error != proto.ReasonNone {
				return done, fmt.Errorf("the poll of page %d failed: %v", e.page, e.summary.Error)
			}
			seen[e.page] = true
			done.changed += e.summary.Changed
			if e.at.After(last) {
				last = e.at
			}
			done.fetched = max(done.fetched, e.summary.PolledAt.Time().Sub(tick.At))
		}
	}
	done.took = last.Sub(tick.At)
	return done, nil
}
