package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Person is a person who logged in within the last month.
type Person struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Email     string     `json:"email"`
	Devices   int        `json:"active_device_count"`
	LastLogin *time.Time `json:"last_successful_login"`
}

// PersonWith returns the person with an e-mail address. It returns nil if no person with it logged in within the
// last month.
func (c *Client) PersonWith(ctx context.Context, email string) (*Person, error) {
	all, err := decode[[]Person](c.call(ctx, http.MethodGet, "/access/users?"+url.Values{"email": {email}}.Encode(), nil))
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

// ActiveSession is a session of a person that has not ended.
type ActiveSession struct {
	Nonce    string `json:"name"`
	Metadata struct {
		Began int64 `json:"iat"` // in seconds since 1970, like Ends
		Ends  int64 `json:"expires"`
	} `json:"metadata"`
}

// Sessions returns the active sessions of a person, newest first.
func (c *Client) Sessions(ctx context.Context, person string) ([]ActiveSession, error) {
	return decode[[]ActiveSession](c.call(ctx, http.MethodGet,
		"/access/users/"+url.PathEscape(person)+"/active_sessions", nil))
}

// RevokeUser ends every session of the person with an e-mail address, at every application. With devices, it also
// revokes the devices enrolled for the address.
func (c *Client) RevokeUser(ctx context.Context, email string, devices bool) error {
	body := map[string]any{"email": email}
	if devices {
		body["devices"] = true
	}
	_, err := c.call(ctx, http.MethodPost, "/access/organizations/revoke_user", body)
	return err
}
