package stack

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/provision"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/internal/storecheck"
)

// Servers describes the NATS servers to provision.
type Servers struct {
	URL, Creds string // credentials of the operator role
	Ping       time.Duration
	Options    topology.Options
	AcceptLoss bool // run without what the store lost; what that is is logged
}

// Provision creates or updates every stream, bucket and consumer as soon as the servers answer. It then compares the
// streams and repairs derived data. It returns an error if data is lost.
func (s Servers) Provision(ctx context.Context, log *slog.Logger) error {
	conn, err := bus.Connect(ctx, bus.Config{URL: s.URL, Creds: s.Creds, Ping: s.Ping, Role: topology.Operator, Log: log})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := provision.Topology(ctx, conn, s.Options); err != nil {
		return fmt.Errorf("provision: %w", err)
	}
	found, err := storecheck.Check(ctx, conn, s.Options, s.AcceptLoss, log)
	if err != nil {
		return fmt.Errorf("check the store: %w", err)
	}
	found.Log(log)
	if err := found.Err(); err != nil {
		return err
	}
	log.Info("streams provisioned", "replicas", max(s.Options.Replicas, 1))
	return nil
}
