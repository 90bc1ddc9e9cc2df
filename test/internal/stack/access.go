package stack

import (
	"context"
	"maps"
	"net/http"
)

// Guarded is an application served by the gateway.
type Guarded struct {
	Name, Domain string
	Origin       string // URL requests are forwarded to
	Policies     []any  // policy objects or ids, by precedence
	// Settings are additional members of the application.
	Settings map[string]any
}

// CreateGuarded creates an application served by the gateway.
func (c *Control) CreateGuarded(ctx context.Context, g Guarded) (Application, error) {
	body := map[string]any{"type": "self_hosted", "session_duration": "1h"}
	maps.Copy(body, g.Settings)
	body["name"], body["domain"], body["x_origin_url"], body["policies"] = g.Name, g.Domain, g.Origin, g.Policies
	var a Application
	err := c.Call(ctx, http.MethodPost, "/access/apps", body, &a)
	return a, err
}

// Rules of a policy (api/README.md 4.3).

// TokenRule returns a rule matching one service token.
func TokenRule(id string) map[string]any {
	return map[string]any{"service_token": map[string]any{"token_id": id}}
}

// PostureRule returns a rule matching devices with a passed check.
func PostureRule(check string) map[string]any {
	return map[string]any{"device_posture": map[string]any{"integration_uid": check}}
}

// Policy returns a policy object.
func Policy(name, decision string, include []any, require ...any) map[string]any {
	p := map[string]any{"name": name, "decision": decision, "include": include}
	if len(require) > 0 {
		p["require"] = require
	}
	return p
}

// ChangeToken updates the given members of a service token.
func (c *Control) ChangeToken(ctx context.Context, id string, body map[string]any) (ServiceToken, error) {
	var t ServiceToken
	err := c.Call(ctx, http.MethodPut, "/access/service_tokens/"+id, body, &t)
	return t, err
}

// EnableToken enables or disables a service token.
func (c *Control) EnableToken(ctx context.Context, id string, on bool) error {
	_, err := c.ChangeToken(ctx, id, map[string]any{"enabled": on})
	return err
}

// RotateToken creates a new secret for a service token. If until, an RFC 3339 time, is not empty, the previous secret
// remains valid until then.
func (c *Control) RotateToken(ctx context.Context, id, until string) (ServiceToken, error) {
	var t ServiceToken
	body := map[string]any{}
	if until != "" {
		body["previous_client_secret_expires_at"] = until
	}
	err := c.Call(ctx, http.MethodPost, "/access/service_tokens/"+id+"/rotate", body, &t)
	return t, err
}

// RotateKeys makes the next signing key the current one.
func (c *Control) RotateKeys(ctx context.Context) error {
	return c.Call(ctx, http.MethodPost, "/access/keys/rotate", nil, nil)
}
