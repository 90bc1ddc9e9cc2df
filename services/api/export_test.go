package api

import (
	"time"

	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// WithAnswerTimeout sets how long the registry may take to answer during an import.
func WithAnswerTimeout(d time.Duration) func(*Config) { return func(c *Config) { c.answerTimeout = d } }

// WithClientTimeout sets how long a client may take to read an ordinary response.
func WithClientTimeout(d time.Duration) func(*Config) { return func(c *Config) { c.clientTimeout = d } }

// Routes returns all routes of the API.
func (s *Service) Routes() []v4.Route { return s.routes() }

// Description returns the OpenAPI description of the API.
func (s *Service) Description() *openapi.Description { return s.description() }
