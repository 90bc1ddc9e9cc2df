package api

func (s *Service) deviceRoutes() []route { return nil }
func (s *Service) resultRoutes() []route { return nil }
func (s *Service) pollRoutes() []route   { return nil }
