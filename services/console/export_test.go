package console

import "time"

// Actions returns the patterns of all actions of the screens.
func (s *Service) Actions() []string { return s.frame.Actions() }

// Pages returns the patterns of all pages of the screens.
func (s *Service) Pages() []string { return s.frame.Pages() }

// WriteTimeout returns how long a response may take.
func (s *Service) WriteTimeout() time.Duration { return s.server.HTTP.WriteTimeout }
