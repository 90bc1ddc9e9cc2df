package plumb

import (
	"filippo.io/age"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/api"
	"plumbline.dev/services/evaluator"
	"plumbline.dev/services/exchange"
	"plumbline.dev/services/fetcher"
	"plumbline.dev/services/internal/egress"
	"plumbline.dev/services/registry"
	"plumbline.dev/services/scheduler"
)

// maker makes a service on a connection of its role.
type maker struct {
	role topology.Role
	make func(*bus.Conn) (part, error)
}

// secrets are what some services open sealed secrets with, and others seal to.
type secrets struct {
	fetcher, exchange []age.Identity
	sealTo            []age.Recipient // the fetcher
}

// makers are the services in the order in which they are started: each after those that it asks.
func (s *Service) makers(keys secrets) []maker {
	cfg, d := s.cfg, s.deps
	return []maker{
		{topology.Evaluator, func(c *bus.Conn) (part, error) {
			return evaluator.New(evaluator.Config{}, evaluator.Deps{Bus: c, Log: d.Log, Metrics: d.Metrics, Clock: d.Clock})
		}},
		{topology.Registry, func(c *bus.Conn) (part, error) {
			return registry.New(registry.Config{}, registry.Deps{Bus: c, Log: d.Log, Metrics: d.Metrics, Clock: d.Clock})
		}},
		{topology.Exchange, func(c *bus.Conn) (part, error) {
			return exchange.New(exchange.Config{TeamDomain: cfg.TeamDomain, AccessAddr: cfg.AccessAddr},
				exchange.Deps{Bus: c, Log: d.Log, Metrics: d.Metrics, Clock: d.Clock, Identities: keys.exchange})
		}},
		{topology.Fetcher, func(c *bus.Conn) (part, error) {
			// No URL that a user may choose leads to our own ports.
			own := []string{cfg.APIAddr, cfg.AccessAddr, cfg.AdminAddr}
			if cfg.NATSAddr != "" {
				own = append(own, cfg.NATSAddr)
			}
			return fetcher.New(fetcher.Config{Egress: egress.Config{DenyAddrs: own}},
				fetcher.Deps{Bus: c, Log: d.Log, Metrics: d.Metrics, Clock: d.Clock, Identities: keys.fetcher})
		}},
		{topology.Scheduler, func(c *bus.Conn) (part, error) {
			return scheduler.New(scheduler.Config{}, scheduler.Deps{Bus: c, Log: d.Log, Metrics: d.Metrics, Clock: d.Clock})
		}},
		{topology.API, func(c *bus.Conn) (part, error) {
			return api.New(api.Config{Addr: cfg.APIAddr, Account: s.installation.Account, BootstrapToken: s.installation.Token,
				SealTo: keys.sealTo, MinInterval: cfg.MinInterval, PinSecretHost: cfg.PinSecretHost},
				api.Deps{Bus: c, Log: d.Log, Metrics: d.Metrics, Clock: d.Clock})
		}},
	}
}
