package plumb

import (
	"plumbline.dev/services/console"
	"plumbline.dev/services/internal/lifecycle"
)

// addConsole adds the console, if it has an address. It has no connection to NATS: it calls the control plane.
func (s *Service) addConsole(group *lifecycle.Group) error {
	if s.cfg.ConsoleAddr == "" {
		return nil
	}
	c, err := console.New(console.Config{Addr: s.cfg.ConsoleAddr, APIURL: s.installation.APIURL},
		console.Deps{Log: s.deps.Log, Metrics: s.deps.Metrics, Clock: s.deps.Clock})
	if err != nil {
		return err
	}
	s.console = c
	s.installation.ConsoleURL = urlOf("http", s.cfg.ConsoleAddr)
	s.running = append(s.running, named{"console", c})
	group.Add("console", c.Run)
	return nil
}
