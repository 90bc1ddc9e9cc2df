package plumb

import (
	"filippo.io/age"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/api"
	"plumbline.dev/services/dispatcher"
	"plumbline.dev/services/evaluator"
	"plumbline.dev/services/exchange"
	"plumbline.dev/services/fetcher"
	"plumbline.dev/services/gateway"
	"plumbline.dev/services/registry"
	"plumbline.dev/services/scheduler"
)

// maker creates a service on a connection of its role.
type maker struct {
	role topology.Role
	make func(*bus.Conn) (part, error)
}

// secrets holds the keys of the services.
type secrets struct {
	evaluator, fetcher, exchange, gateway, dispatcher []age.Identity

	// The recipients of the fetcher, the gateway and the dispatcher.
	sealTo, sealGateway, sealDispatcher []age.Recipient

	session []byte // key of the gateways' cookies
}

// makers returns the services in the order in which they start: each after the services that it calls.
func (s *Service) makers(keys secrets) []maker {
	cfg, d := s.cfg, s.deps
	return []maker{
		{topology.Evaluator, func(c *bus.Conn) (part, error) {
			return evaluator.New(evaluator.Config{},
				evaluator.Deps{Bus: c, Log: d.Log, Metrics: d.Metrics, Clock: d.Clock, Identities: keys.evaluator})
		}},
		{topology.Registry, func(c *bus.Conn) (part, error) {
			return registry.New(registry.Config{}, registry.Deps{Bus: c, Log: d.Log, Metrics: d.Metrics, Clock: d.Clock})
		}},
		{topology.Exchange, func(c *bus.Conn) (part, error) {
			return exchange.New(exchange.Config{TeamDomain: cfg.TeamDomain},
				exchange.Deps{Bus: c, Log: d.Log, Metrics: d.Metrics, Clock: d.Clock, Identities: keys.exchange})
		}},
		{topology.Fetcher, func(c *bus.Conn) (part, error) {
			// A scoring API may be an application, so calls to the gateway's own port are allowed.
			f := cfg.Fetcher
			f.Egress.DenyAddrs = cfg.inner()
			return fetcher.New(f, fetcher.Deps{Bus: c, Log: d.Log, Metrics: d.Metrics, Clock: d.Clock, Identities: keys.fetcher})
		}},
		{topology.Scheduler, func(c *bus.Conn) (part, error) {
			return scheduler.New(scheduler.Config{MinInterval: cfg.MinInterval},
				scheduler.Deps{Bus: c, Log: d.Log, Metrics: d.Metrics, Clock: d.Clock})
		}},
		{topology.Dispatcher, func(c *bus.Conn) (part, error) {
			// A receiver may be an application, so calls to the gateway's own port are allowed.
			e := cfg.Fetcher.Egress
			e.DenyAddrs = cfg.inner()
			return dispatcher.New(dispatcher.Config{ConsoleURL: cfg.consoleURL(), Egress: e},
				dispatcher.Deps{Bus: c, Log: d.Log, Metrics: d.Metrics, Clock: d.Clock, Identities: keys.dispatcher})
		}},
		{topology.API, func(c *bus.Conn) (part, error) {
			return api.New(api.Config{Addr: cfg.APIAddr, Account: s.installation.Account, BootstrapToken: s.installation.Token,
				BootstrapEmail: cfg.BootstrapEmail, TeamDomain: cfg.TeamDomain, SealTo: keys.sealTo, SealGateway: keys.sealGateway,
				SealDispatcher: keys.sealDispatcher,
				MinInterval:    cfg.MinInterval, FreeSecretHost: cfg.FreeSecretHost,
				Zones: cfg.Zones, ConsoleAudiences: cfg.ConsoleAudiences},
				api.Deps{Bus: c, Log: d.Log, Metrics: d.Metrics, Clock: d.Clock})
		}},
		{topology.Gateway, func(c *bus.Conn) (part, error) {
			g := cfg.Gateway
			g.AccessAddr, g.TeamDomain, g.SessionKey, g.Own = cfg.AccessAddr, cfg.TeamDomain, keys.session, cfg.inner()
			g.EgressDeny = cfg.Fetcher.Egress.Deny
			return gateway.New(g, gateway.Deps{Bus: c, Log: d.Log, Metrics: d.Metrics, Clock: d.Clock, Identities: keys.gateway})
		}},
	}
}

// inner returns the addresses of this process that no URL of a user may lead to.
func (c *Config) inner() []string {
	var all []string
	for _, addr := range []string{c.APIAddr, c.AdminAddr, c.NATSAddr, c.Gateway.ExtAuthzAddr} {
		if addr != "" {
			all = append(all, addr)
		}
	}
	return all
}

// consoleURL returns the URL of the console, or "" without one.
func (c *Config) consoleURL() string {
	if c.ConsoleAddr == "" {
		return ""
	}
	return urlOf("http", c.ConsoleAddr)
}
