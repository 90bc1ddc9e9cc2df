package stack

import (
	"context"
	"net/http"
)

// BreakersOff turns the breakers of the account off, for tests and benchmarks with polls changing many outcomes at once
// and are not about that.
func (c *Control) BreakersOff(ctx context.Context) error {
	return c.Call(ctx, http.MethodPatch, "/access/organizations",
		map[string]any{"x_breaker": map[string]any{"enabled": false}}, nil)
}
