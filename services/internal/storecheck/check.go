package storecheck

import (
	"context"
	"log/slog"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// checker compares the streams of one store.
type checker struct {
	conn    *bus.Conn // the operator's
	log     *slog.Logger
	options topology.Options
	report  Report
	losses  []loss
	broken  map[string]uint64 // buckets with unreadable records, with the newest revision named elsewhere
	newest  newest
}

// loss is a loss without a source for repair.
type loss struct {
	what string
	// accept makes the other streams consistent with the loss.
	accept func(context.Context) error
}

func (c *checker) lost(what string, accept func(context.Context) error) {
	c.losses = append(c.losses, loss{what, accept})
}

// newest holds the newest revisions used by the entries of the state.
type newest struct {
	tick, page, config uint64
	pages              map[pageKey]evaluated
}

type pageKey struct {
	Account proto.Account
	Page    topology.PageNumber
}

// evaluated is the newest revision of a page used by an entry.
type evaluated struct {
	revision uint64
	devices  int
}

func (n *newest) see(m *bus.Msg) {
	var e proto.Entry
	p, err := topology.ParsePage(m.Subject)
	if err != nil || m.Decode(&e) != nil {
		return
	}
	n.tick, n.page, n.config = max(n.tick, e.Tick), max(n.page, e.PageRevision), max(n.config, e.ConfigRevision)
	if n.pages == nil {
		n.pages = map[pageKey]evaluated{}
	}
	if key := (pageKey{p.Account, p.Page}); e.PageRevision > n.pages[key].revision {
		n.pages[key] = evaluated{e.PageRevision, len(e.Results)}
	}
}

// Check compares the streams after provisioning, with the operator's connection. It repairs everything derivable from
// other streams and reports the rest. With accept, the operator accepts the losses, and the streams are made
// consistent without the lost data. If possible, no services should be running, because Check rebuilds the streams
// they read.
func Check(ctx context.Context, conn *bus.Conn, o topology.Options, accept bool, log *slog.Logger) (Report, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &checker{conn: conn, log: log, options: o, broken: map[string]uint64{}}
	for _, step := range []func(context.Context) error{c.recovery, c.posture, c.ticks, c.devices, c.audited} {
		if err := step(ctx); err != nil {
			return c.report, err
		}
	}
	if accept && len(c.losses) > 0 {
		for bucket, seen := range c.broken {
			if err := c.remake(ctx, bucket, seen); err != nil {
				return c.report, err
			}
		}
	}
	for _, l := range c.losses {
		if !accept {
			c.report.Lost = append(c.report.Lost, l.what)
			continue
		}
		if err := l.accept(ctx); err != nil {
			return c.report, err
		}
		c.report.Accepted = append(c.report.Accepted, l.what)
	}
	return c.report, nil
}
