package client

import (
	"context"
	"net/http"
	"time"
)

// Me describes the holder of a credential.
type Me struct {
	Type      string    `json:"type"` // user, key or token
	ID        string    `json:"id"`
	Email     string    `json:"email"` // empty for a token
	Name      string    `json:"name"`
	All       bool      `json:"all"`                 // every permission
	ExpiresOn time.Time `json:"expires_on,omitzero"` // of the credential; zero: never
	// Permissions says what the holder may do in the whole account, by scope such as posture.
	Permissions map[string]Grant `json:"permissions"`
}

// Me returns the holder of the client's credential.
func (c *Client) Me(ctx context.Context) (Me, error) {
	return decode[Me](c.call(ctx, http.MethodGet, "/plumbline/me", nil))
}
