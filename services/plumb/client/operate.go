package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Explanation explains a check's result for a device.
type Explanation struct {
	Check    string   `json:"check_id"`
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Operator string   `json:"operator"`
	Wanted   *float64 `json:"wanted_score"`
	Outcome  string   `json:"outcome"`
	Reason   string   `json:"reason"`
	Evidence
	Score       *int       `json:"score"`
	Problem     string     `json:"problem"`
	ObservedAt  *time.Time `json:"observed_at"`
	AgeMS       *int64     `json:"age_ms"` // age of the score
	ExpiresAt   *time.Time `json:"expires_at"`
	Revision    uint64     `json:"check_revision"`
	Used        uint64     `json:"used_check_revision"`
	Batch       string     `json:"batch"`
	Sentence    string     `json:"sentence"`
	Paused      bool       `json:"paused"`
	Mode        string     `json:"mode"`        // enforce or observe
	Remediation string     `json:"remediation"` // what users are told, as Markdown
	// Applications are those with a policy that uses the check.
	Applications []struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"applications"`
	Integration *struct {
		ID       string     `json:"integration_id"`
		Name     string     `json:"name"`
		Tick     uint64     `json:"tick"`
		PolledAt *time.Time `json:"polled_at"`
		Poll     *struct {
			Attempts int    `json:"attempts"`
			Status   int    `json:"status"`
			TookMS   int64  `json:"took_ms"`
			Error    string `json:"error"`
			Detail   string `json:"detail"`
		} `json:"poll"`
	} `json:"integration"`
}

// Explanations explains the results of a device's checks.
type Explanations struct {
	Device string        `json:"device_id"`
	Page   int           `json:"page"`
	Checks []Explanation `json:"checks"`
}

// Explain explains the results of a device. check is the id of a check, or empty for all.
func (c *Client) Explain(ctx context.Context, device, check string) (Item[Explanations], error) {
	path := "/plumbline/explain/" + url.PathEscape(device)
	if check != "" {
		path += "?check=" + url.QueryEscape(check)
	}
	return decode[Item[Explanations]](c.call(ctx, http.MethodGet, path, nil))
}

// PastPoll is a past poll.
type PastPoll struct {
	Tick    uint64    `json:"tick"`
	BeganAt time.Time `json:"began_at"`
	EndedAt time.Time `json:"ended_at"`
	TookMS  int64     `json:"took_ms"`
	// The phases of the poll. PlanMS is nil if it is not known.
	PlanMS     *int64 `json:"plan_ms"`
	CallsMS    int64  `json:"calls_ms"`
	EvaluateMS int64  `json:"evaluate_ms"`
	Longest    int64  `json:"longest_call_ms"`
	Pages      int    `json:"pages"`
	Devices    int    `json:"devices"`
	Pass       int    `json:"pass"`
	Fail       int    `json:"fail"`
	Unknown    int    `json:"unknown"`
	Changed    int    `json:"changed"`
	Held       int    `json:"held"` // results that a breaker holds
	Failed     int    `json:"failed_pages"`
	Failures   []struct {
		Error  string `json:"error"`
		Pages  int    `json:"pages"`
		Status int    `json:"http_status"`
		Detail string `json:"detail"`
	} `json:"failures"`
}

// Polls returns an integration's newest polls, newest first.
func (c *Client) Polls(ctx context.Context, integration string, limit int) ([]Item[PastPoll], error) {
	return decode[[]Item[PastPoll]](c.call(ctx, http.MethodGet,
		"/plumbline/integrations/"+url.PathEscape(integration)+"/polls?limit="+strconv.Itoa(limit), nil))
}

// PollsBetween returns an integration's polls in a period, newest first.
func (c *Client) PollsBetween(
	ctx context.Context,
	integration string,
	since, until time.Time,
) ([]Item[PastPoll], error) {
	v := url.Values{"limit": {strconv.Itoa(maxPolls)}}
	setPeriod(v, since, until)
	return decode[[]Item[PastPoll]](c.call(ctx, http.MethodGet,
		"/plumbline/integrations/"+url.PathEscape(integration)+"/polls?"+v.Encode(), nil))
}

// maxPolls is the largest number of polls in one response.
const maxPolls = 500

// PhysicalDevice is an enrolled device in a list.
type PhysicalDevice struct {
	ID        string  `json:"id"`
	Name      string  `json:"name"`
	Serial    *string `json:"serial_number"`
	MAC       *string `json:"mac_address"`
	IPv4      *string `json:"x_virtual_ipv4"`
	RevokedAt *string `json:"x_revoked_at"`
	// Exemptions are the active ones.
	Exemptions []Exemption `json:"x_exemptions"`
	User       *struct {
		Email string `json:"email"`
	} `json:"last_seen_user"`
}

// Devices returns the devices that a query selects, limit at most, and whether there are more.
func (c *Client) Devices(ctx context.Context, q url.Values,
	limit int) (all []Item[PhysicalDevice], more bool, err error) {
	all = []Item[PhysicalDevice]{}
	for cursor := ""; ; {
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		q.Set("per_page", strconv.Itoa(min(perPage, max(1, limit-len(all)))))
		var next string
		some, err := decode[[]Item[PhysicalDevice]](c.paged(ctx, "/devices/physical-devices?"+q.Encode(), &next))
		if err != nil {
			return nil, false, err
		}
		all = append(all, some...)
		if next == "" || len(all) >= limit {
			return all, next != "", nil
		}
		cursor = next
	}
}

// UnrevokeDevice undoes the revocation of a device.
func (c *Client) UnrevokeDevice(ctx context.Context, id string) error {
	_, err := c.call(ctx, http.MethodPost, "/devices/registrations/unrevoke?"+url.Values{"id": {id}}.Encode(), nil)
	return err
}

// RevokeDevice ends a device's registration. The device is no longer polled.
func (c *Client) RevokeDevice(ctx context.Context, id string) error {
	_, err := c.call(ctx, http.MethodPost, "/devices/physical-devices/"+url.PathEscape(id)+"/revoke", nil)
	return err
}

// paged returns a page of a list and the cursor of the next page.
func (c *Client) paged(ctx context.Context, path string, next *string) (json.RawMessage, error) {
	resp, err := c.request(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	e, err := readEnvelope(resp)
	if err == nil && e.Info.Cursor != "" && e.Info.Cursor == resp.Request.URL.Query().Get("cursor") {
		return nil, fmt.Errorf("%s: the cursor of the list did not change", resp.Request.URL.Path)
	}
	*next = e.Info.Cursor
	return e.Result, err
}

// ForAccount returns the policy that allows permission groups for the whole account.
func (c *Client) ForAccount(groups []PermissionGroup) APITokenPolicy {
	account := c.base[strings.LastIndexByte(c.base, '/')+1:]
	return APITokenPolicy{Effect: "allow", Groups: groups, Resources: WholeAccount(account)}
}
