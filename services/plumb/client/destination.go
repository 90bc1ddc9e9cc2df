package client

import (
	"context"
	"time"
)

// EventDestination is a system that receives events.
type EventDestination struct {
	ID            string              `json:"id"`
	Name          string              `json:"name"`
	Kind          string              `json:"kind"`
	Endpoint      string              `json:"endpoint"`
	Headers       []DestinationHeader `json:"headers"`
	Events        []string            `json:"events"` // empty: all
	Template      string              `json:"template"`
	Paused        bool                `json:"paused"`
	Secret        string              `json:"secret"` // only in the response that creates it
	PreviousUntil *time.Time          `json:"previous_secret_expires_at"`
	ReplayedFrom  *time.Time          `json:"replayed_from"`
	State         DestinationState    `json:"state"`
	CreatedAt     *time.Time          `json:"created_at"`
	UpdatedAt     *time.Time          `json:"updated_at"`
}

// DestinationHeader is a header of every message. Responses have no values.
type DestinationHeader struct {
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
}

// DestinationState is the state of the deliveries to a destination.
type DestinationState struct {
	Status        string     `json:"status"`
	WaitingSince  *time.Time `json:"waiting_since"`
	Attempts      int        `json:"attempts"`
	NextAt        *time.Time `json:"next_attempt_at"`
	LastError     string     `json:"last_error"`
	LastErrorAt   *time.Time `json:"last_error_at"`
	LastSuccessAt *time.Time `json:"last_success_at"`
	Delivered     uint64     `json:"delivered"`
	Failed        uint64     `json:"failed"`
	Disabled      string     `json:"disabled_reason"`
}

func (d EventDestination) ResourceID() string   { return d.ID }
func (d EventDestination) ResourceName() string { return d.Name }

// EventDestinations is the collection of the account's destinations.
func (c *Client) EventDestinations() Collection[EventDestination] {
	return collection[EventDestination](c, KindDestination)
}

// DestinationTest is the result of a test message.
type DestinationTest struct {
	Delivered bool   `json:"delivered"`
	Event     string `json:"event_id"`
	Status    int    `json:"status"` // 0: no response
	TookMS    int64  `json:"took_ms"`
	Error     string `json:"error"`
}

// TestDestination has a test message sent to a destination.
func (c *Client) TestDestination(ctx context.Context, id string) (Item[DestinationTest], error) {
	return item[DestinationTest](c.callIf(ctx, "POST", c.EventDestinations().one(id)+"/test", "", nil))
}

// ReplayDestination has the messages since a time sent again.
func (c *Client) ReplayDestination(ctx context.Context, id string, since time.Time) (Item[EventDestination], error) {
	return c.EventDestinations().act(ctx, id, "replay", map[string]any{"since": since.UTC().Format(time.RFC3339)})
}

// RotateDestination gives a destination another secret. The former one stays in use for the overlap.
func (c *Client) RotateDestination(ctx context.Context, id string, overlap time.Duration,
) (Item[EventDestination], error) {
	return c.EventDestinations().act(ctx, id, "rotate", map[string]any{"overlap": overlap.String()})
}
