package client

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ListedDevice is a device in a list, with its newest results.
type ListedDevice struct {
	ID         string        `json:"device_id"`
	Email      string        `json:"email"`
	Serial     string        `json:"serial_number"`
	MAC        string        `json:"mac_address"`
	IPv4       string        `json:"virtual_ipv4"`
	Hostname   string        `json:"hostname"`
	Page       int           `json:"page"`
	EnrolledAt *time.Time    `json:"enrolled_at"`
	UpdatedAt  *time.Time    `json:"updated_at"`
	RevokedAt  *time.Time    `json:"revoked_at"`
	Exemptions []Exemption   `json:"exemptions"`
	Score      *int          `json:"score"`     // the lowest; nil without a score
	ScoredAt   *time.Time    `json:"scored_at"` // of the oldest of the newest scores
	Checks     []DeviceCheck `json:"checks"`
}

// DeviceCheck is the state of a check for a device. Enforced is why the outcome is not by the score, or empty.
type DeviceCheck struct {
	Check    string `json:"check_id"`
	Name     string `json:"name"`
	Outcome  string `json:"outcome"`
	Observed string `json:"observed"`
	Enforced string `json:"enforced"`
}

// FleetQuery selects a page of devices.
type FleetQuery struct {
	Filter  string // in the filter language; empty: every active device
	Cursor  string // of the page before
	PerPage int
	// Soon accepts results that are a few seconds old, if newer ones would take longer.
	Soon bool
}

func (q *FleetQuery) values() url.Values {
	v := url.Values{}
	if q.Filter != "" {
		v.Set("filter", q.Filter)
	}
	if q.Cursor != "" {
		v.Set("cursor", q.Cursor)
	}
	if q.PerPage > 0 {
		v.Set("per_page", strconv.Itoa(q.PerPage))
	}
	if q.Soon {
		v.Set("outdated", "1")
	}
	return v
}

const fleetPath = "/plumbline/devices"

// Fleet returns a page of devices with their newest results, and the cursor of the next page, or "".
func (c *Client) Fleet(ctx context.Context, q FleetQuery) (page []Item[ListedDevice], next string, err error) {
	page, err = decode[[]Item[ListedDevice]](c.paged(ctx, fleetPath+"?"+q.values().Encode(), &next))
	return page, next, err
}

// StateCounts counts devices by state. Held, Exempt, Grace and Observe count outcomes that are not by the score.
type StateCounts struct {
	Pass    int `json:"pass"`
	Fail    int `json:"fail"`
	Unknown int `json:"unknown"`
	Held    int `json:"held"`
	Exempt  int `json:"exempt"`
	Grace   int `json:"grace"`
	Observe int `json:"observe"`
}

// FleetCounts counts the devices that a filter selects.
type FleetCounts struct {
	Devices int         `json:"devices"`
	Revoked int         `json:"revoked"`
	Some    StateCounts `json:"some"` // with at least one check in the state
	Checks  []struct {
		Check string `json:"check_id"`
		Name  string `json:"name"`
		StateCounts
	} `json:"checks"`
	Outdated int `json:"outdated_pages"`
}

// FleetCounts counts the devices that a filter selects.
func (c *Client) FleetCounts(ctx context.Context, q FleetQuery) (FleetCounts, error) {
	return decode[FleetCounts](c.call(ctx, http.MethodGet, fleetPath+"/counts?"+q.values().Encode(), nil))
}

// ExportFleet copies the devices that a filter selects to w. The format is csv or ndjson.
func (c *Client) ExportFleet(ctx context.Context, filter, format string, w io.Writer) error {
	v := url.Values{"format": {format}, "filter": {filter}}
	resp, err := c.request(ctx, http.MethodGet, fleetPath+"/export?"+v.Encode(), "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		_, err := result(resp)
		return err
	}
	_, err = io.Copy(w, resp.Body)
	return err
}

// Timeline is the outcomes of a device over a period.
type Timeline struct {
	Since      time.Time `json:"since"`
	Until      time.Time `json:"until"`
	KnownSince time.Time `json:"known_since"` // later than Since if the log has more than was read
	Checks     []struct {
		Check    string            `json:"check_id"`
		Name     string            `json:"name"`
		Segments []TimelineSegment `json:"segments"` // the oldest first
	} `json:"checks"`
}

// TimelineSegment is a time with one outcome. Reason is why it began, or "none".
type TimelineSegment struct {
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	Outcome string    `json:"outcome"`
	Reason  string    `json:"reason"`
}

// Timeline returns the outcomes of a device over the last 30 days.
func (c *Client) Timeline(ctx context.Context, device string) (Timeline, error) {
	return decode[Timeline](c.call(ctx, http.MethodGet, fleetPath+"/"+url.PathEscape(device)+"/timeline", nil))
}

// RemoveDevices removes up to 1,000 devices. It removes none if one of them does not exist.
func (c *Client) RemoveDevices(ctx context.Context, ids []string) error {
	_, err := c.call(ctx, http.MethodDelete, "/devices/registrations?"+url.Values{"id": ids}.Encode(), nil)
	return err
}

// RevokeDevices revokes up to 1,000 devices. It revokes none if one of them does not exist.
func (c *Client) RevokeDevices(ctx context.Context, ids []string) error {
	_, err := c.call(ctx, http.MethodPost, "/devices/registrations/revoke?"+url.Values{"id": ids}.Encode(), nil)
	return err
}
