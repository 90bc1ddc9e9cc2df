package device

import (
	"context"
	"log/slog"
	"net/netip"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/hold"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/lifecycle"
)

// Config is what an operator says.
type Config struct {
	// Overlay are the networks whose source addresses are believed; none: a device is known by its
	// certificate only. A network of IPv4 mapped into IPv6 counts as IPv4.
	Overlay []netip.Prefix
}

// Settings are the checks and integrations that are configured; [catalog.Catalog] has them.
type Settings interface {
	Check(a proto.Account, id proto.ID) (catalog.Record[proto.Check], bool)
	Integration(a proto.Account, id proto.ID) (catalog.Record[proto.Integration], bool)
}

// Deps are what the view works with.
type Deps struct {
	Bus      *bus.Conn
	Log      *slog.Logger
	Clock    clock.Clock
	Settings Settings
}

// Devices are the enrolled devices of every account and their newest results.
type Devices struct {
	overlay   []netip.Prefix
	log       *slog.Logger
	clock     clock.Clock
	config    Settings
	inventory *inventory
	state     *state

	// follow keeps one of the two; a hold starts it again where it gets stuck.
	followInventory, followState func(context.Context) error
	views                        []hold.View
}

// New makes the view; it is empty until [Devices.Run] has caught up.
func New(cfg Config, deps Deps) *Devices {
	d := &Devices{log: deps.Log, clock: deps.Clock, config: deps.Settings, inventory: newInventory(deps.Bus)}
	d.state = newState(deps.Bus, d.inventory)
	for _, p := range cfg.Overlay {
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		d.overlay = append(d.overlay, p)
	}
	var restartInventory, restartState func()
	d.followInventory, restartInventory = hold.Restartable(d.inventory.tail.Run)
	d.followState, restartState = hold.Restartable(d.state.tail.Run)
	d.views = []hold.View{{
		Name: "inventory", Stream: topology.BucketStream(topology.Devices),
		Filter: d.inventory.tail.Filters[0], Seen: d.inventory.tail.seen.Load, Restart: restartInventory,
	}, {
		// The state is confirmed against the log that it is sourced from: where the source stalls, the state is
		// old.
		Name: "results", Stream: topology.PostureLog,
		Filter: topology.AllLogs, Seen: d.state.tail.seen.Load, Restart: restartState,
	}}
	return d
}

// Run keeps the view up to date until ctx ends, which is no error. It outlives lost connections.
func (d *Devices) Run(ctx context.Context) error {
	g := lifecycle.Group{Log: d.log}
	g.Add("inventory", d.followInventory)
	g.Add("results", func(ctx context.Context) error {
		// After the inventory, whose ids it shares.
		if err := d.inventory.await(ctx); err != nil {
			return nil
		}
		return d.followState(ctx)
	})
	return g.Run(ctx)
}

// Await waits until the view holds what the streams held when Run began.
func (d *Devices) Await(ctx context.Context) error {
	if err := d.inventory.await(ctx); err != nil {
		return err
	}
	return d.state.tail.await(ctx)
}

// Views are what a [hold.Hold] confirms.
func (d *Devices) Views() []hold.View { return d.views }
