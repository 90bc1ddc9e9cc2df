package device

import (
	"context"
	"log/slog"
	"net/netip"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/staleness"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/lifecycle"
)

// Config is the operator's configuration.
type Config struct {
	// Overlay lists the networks with trusted source addresses. If it is empty, devices are identified by certificate
	// only. An IPv4 network mapped into IPv6 counts as IPv4.
	Overlay []netip.Prefix
}

// Settings looks up configured checks, integrations, exemptions and the account's settings. [catalog.Catalog]
// implements it.
type Settings interface {
	Check(a proto.Account, id proto.ID) (catalog.Record[proto.Check], bool)
	Integration(a proto.Account, id proto.ID) (catalog.Record[proto.Integration], bool)
	// Organization returns the account's settings. Its value is never nil.
	Organization(a proto.Account) catalog.Record[proto.Organization]
	// ExemptionsByDevice returns the exemptions of an account by device. The map must not be modified.
	ExemptionsByDevice(a proto.Account) map[proto.ID][]catalog.Record[proto.Exemption]
}

// Deps are the dependencies of the view.
type Deps struct {
	Bus      *bus.Conn
	Log      *slog.Logger
	Clock    clock.Clock
	Settings Settings
}

// Devices holds the enrolled devices of every account and their newest results.
type Devices struct {
	overlay   []netip.Prefix
	log       *slog.Logger
	clock     clock.Clock
	config    Settings
	inventory *inventory
	state     *state

	// followInventory and followState maintain one view each. A [staleness.Guard] restarts them if they get stuck.
	followInventory, followState func(context.Context) error
	views                        []staleness.View
}

// New returns an empty view. [Devices.Run] fills it.
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
	d.followInventory, restartInventory = staleness.Restartable(d.inventory.tail.Run)
	d.followState, restartState = staleness.Restartable(d.state.tail.Run)
	d.views = []staleness.View{{
		Name: "inventory", Stream: topology.BucketStream(topology.Devices),
		Filter: d.inventory.tail.Filters[0], Seen: d.inventory.tail.seen.Load, Restart: restartInventory,
	}, {
		// The state is confirmed against its source log, so that a stalled source is noticed.
		Name: "results", Stream: topology.PostureLog,
		Filter: topology.AllLogs, Seen: d.state.tail.seen.Load, Restart: restartState,
	}}
	return d
}

// Run maintains the view until ctx ends, and then returns nil. It survives lost connections.
func (d *Devices) Run(ctx context.Context) error {
	g := lifecycle.Group{Log: d.log}
	g.Add("inventory", d.followInventory)
	g.Add("results", func(ctx context.Context) error {
		// It starts after the inventory, because it shares its ids.
		if err := d.inventory.await(ctx); err != nil {
			return nil
		}
		return d.followState(ctx)
	})
	return g.Run(ctx)
}

// Await waits until the view contains everything that the streams contained when Run began.
func (d *Devices) Await(ctx context.Context) error {
	if err := d.inventory.await(ctx); err != nil {
		return err
	}
	return d.state.tail.await(ctx)
}

// Views returns the views to be confirmed by a [staleness.Guard].
func (d *Devices) Views() []staleness.View { return d.views }
