package client

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"plumbline.dev/proto"
)

// Hold is the newest hold of a check over an integration.
type Hold struct {
	ID          string `json:"id"`
	Name        string `json:"name"` // of the check
	Check       string `json:"rule_id"`
	Integration string `json:"integration_name"`
	// IntegrationID is the id of the integration.
	IntegrationID string     `json:"integration_id"`
	State         string     `json:"state"`
	Directions    []string   `json:"directions"` // lock_out, open_up
	Tick          uint64     `json:"tick"`
	Since         *time.Time `json:"since"`
	SafeSideAt    *time.Time `json:"safe_side_at"` // nil if the hold is over
	Pages         int        `json:"pages"`
	Devices       int        `json:"devices"`
	FleetLost     int        `json:"fleet_lost"`
	FleetGained   int        `json:"fleet_gained"`
	FleetPass     int        `json:"fleet_pass"`
	FleetKnown    int        `json:"fleet_known"`
	By            string     `json:"by"`
	Reason        string     `json:"reason"`
	DecidedAt     *time.Time `json:"decided_at"`
	// PagesHeld and DevicesHeld are empty in a list.
	PagesHeld   []HeldPage   `json:"pages_held"`
	DevicesHeld []HeldDevice `json:"devices_held"`
	// Limits are those of the breaker; nil in a list.
	Limits *HoldLimits `json:"limits"`
}

// HoldLimits are the limits of a breaker for one poll and direction.
type HoldLimits struct {
	Share   float64 `json:"share"`
	Floor   int     `json:"floor"`
	Window  int64   `json:"window_ms"`
	MaxHold int64   `json:"max_hold_ms"`
}

// HeldPage is a page that holds outcomes.
type HeldPage struct {
	Page     int  `json:"page"`
	SafeSide bool `json:"safe_side"`
	Devices  int  `json:"devices"`
	Lost     int  `json:"lost"`
	Gained   int  `json:"gained"`
	Pass     int  `json:"pass"`
	Known    int  `json:"known"`
}

// HeldDevice is a device with an outcome that a release would change.
type HeldDevice struct {
	ID       string `json:"device_id"`
	Hostname string `json:"hostname"`
	Serial   string `json:"serial_number"`
	Page     int    `json:"page"`
	Score    *int   `json:"score"`
	Outcome  string `json:"outcome"`
	Observed string `json:"observed"`
}

func (h Hold) ResourceID() string   { return h.ID }
func (h Hold) ResourceName() string { return h.Name }

// Open reports whether pages hold outcomes.
func (h Hold) Open() bool {
	return h.State != string(proto.HoldReleased) && h.State != string(proto.HoldEnded)
}

// Holds is the collection of the holds with the parameters of a filter. Holds are neither created nor deleted by it.
func (c *Client) Holds(filter url.Values) Collection[Hold] {
	holds := collection[Hold](c, KindHold)
	holds.filter = filter
	return holds
}

// CurrentHold returns the hold with an id or the name of its check, and its revision. A check that moved to another
// integration has a hold for each: an open one comes first, else the newest.
func (c *Client) CurrentHold(ctx context.Context, idOrName string) (Item[Hold], error) {
	holds := c.Holds(nil)
	all, err := holds.List(ctx)
	if err != nil {
		return Item[Hold]{}, err
	}
	found, err := holds.pick(withoutPast(all, idOrName), idOrName)
	if err != nil {
		return found, err
	}
	return holds.Get(ctx, found.Value.ID)
}

// withoutPast returns holds, which are sorted from the newest, without those that have a name and are over, if an open
// one or a newer one of the same check has it too.
func withoutPast(all []Item[Hold], name string) []Item[Hold] {
	open := slices.ContainsFunc(all, func(i Item[Hold]) bool { return i.Value.Name == name && i.Value.Open() })
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(all), func(i Item[Hold]) bool {
		h := i.Value
		if h.ID == name || h.Name != name || h.Open() {
			return false
		}
		again := open || seen[h.Check]
		seen[h.Check] = true
		return again
	})
}

// DecideHold releases or rejects a hold if it has the revision; action is release or reject. If it has another one, the
// error is one of [IsStale].
func (c *Client) DecideHold(ctx context.Context, id, revision, action, reason string) (Item[Hold], error) {
	return item[Hold](c.callIf(ctx, http.MethodPost, "/plumbline/holds/"+url.PathEscape(id)+"/"+action, revision,
		map[string]string{"reason": reason}))
}

// SameDecision reports whether a decision about two revisions of a hold is the same: only the polls since differ.
func (h Hold) SameDecision(o Hold) bool {
	return h.ID == o.ID && h.State == o.State && h.By == o.By && slices.Equal(h.Directions, o.Directions) &&
		h.Pages == o.Pages && h.Devices == o.Devices && h.FleetLost == o.FleetLost && h.FleetGained == o.FleetGained
}
