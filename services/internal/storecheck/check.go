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
	newest  newest
}

// newest is the newest of what the entries of the state were made from.
type newest struct{ tick, page, config uint64 }

func (n *newest) see(m *bus.Msg) {
	var e proto.Entry
	if m.Decode(&e) == nil {
		n.tick, n.page, n.config = max(n.tick, e.Tick), max(n.page, e.PageRevision), max(n.config, e.ConfigRevision)
	}
}

// Check compares the streams after they were provisioned, with the operator's connection, repairs what can be
// derived and reports the rest. Services should not run yet, where that is possible: what is rebuilt changes
// under them.
func Check(ctx context.Context, conn *bus.Conn, o topology.Options, log *slog.Logger) (Report, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &checker{conn: conn, log: log, options: o}
	for _, step := range []func(context.Context) error{c.posture, c.ticks} {
		if err := step(ctx); err != nil {
			return c.report, err
		}
	}
	return c.report, nil
}
