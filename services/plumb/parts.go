package plumb

import (
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/registry"
)

// maker makes a service on a connection of its role.
type maker struct {
	role topology.Role
	make func(*bus.Conn) (part, error)
}

// makers are the services in the order in which they are started.
func (s *Service) makers(keys secrets) []maker {
	d := s.deps
	return []maker{
		{topology.Registry, func(c *bus.Conn) (part, error) {
			return registry.New(registry.Config{}, registry.Deps{Bus: c, Log: d.Log, Metrics: d.Metrics, Clock: d.Clock})
		}},
	}
}
