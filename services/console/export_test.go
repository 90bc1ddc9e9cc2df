package console

// Actions returns the patterns of all actions of the screens.
func (s *Service) Actions() []string { return s.frame.Actions() }
