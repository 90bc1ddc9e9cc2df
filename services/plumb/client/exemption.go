package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Exemption has a device pass a check, or every check, until a time.
type Exemption struct {
	ID         string     `json:"id"`
	Device     string     `json:"device_id"`
	DeviceName string     `json:"device_name"`
	Check      *string    `json:"rule_id"` // nil: every check
	CheckName  *string    `json:"rule_name"`
	Until      *time.Time `json:"until"`
	Reason     string     `json:"reason"`
	Author     string     `json:"author"`
	CreatedAt  *time.Time `json:"created_at"`
}

func (x Exemption) ResourceID() string { return x.ID }

// ResourceName returns the name of the device, which may have several exemptions.
func (x Exemption) ResourceName() string { return x.DeviceName }

// From returns the name of the check that the exemption is from.
func (x Exemption) From() string {
	switch {
	case x.CheckName != nil:
		return *x.CheckName
	case x.Check != nil:
		return *x.Check
	}
	return "every check"
}

// Exemptions is the collection of the active exemptions with the parameters of a filter.
func (c *Client) Exemptions(filter url.Values) Collection[Exemption] {
	exemptions := collection[Exemption](c, KindExemption)
	exemptions.filter = filter
	return exemptions
}

// Observe is the account's observe switch.
type Observe struct {
	Active bool       `json:"active"`
	Until  *time.Time `json:"until"`
	Reason string     `json:"reason"`
	By     string     `json:"by"`
	Since  *time.Time `json:"since"`
}

const observePath = "/plumbline/observe"

// Observe returns the account's observe switch.
func (c *Client) Observe(ctx context.Context) (Item[Observe], error) {
	return item[Observe](c.callIf(ctx, http.MethodGet, observePath, "", nil))
}

// SetObserve turns the enforcement of every check off until a time.
func (c *Client) SetObserve(ctx context.Context, until time.Time, reason string) (Item[Observe], error) {
	return item[Observe](c.callIf(ctx, http.MethodPut, observePath, "",
		map[string]string{"until": until.UTC().Format(time.RFC3339), "reason": reason}))
}

// EndObserve has the checks enforced again.
func (c *Client) EndObserve(ctx context.Context) (Item[Observe], error) {
	return item[Observe](c.callIf(ctx, http.MethodDelete, observePath, "", nil))
}
