package auditlog

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// The newer audit log of the v4 API, GET logs/audit: the same changes in another shape, paged by cursor, as the SDKs
// declare it (accounts.logs.audit, outside of zero_trust).

// record is a change in a response of the newer log. The x_ members are ours.
type record struct {
	ID       proto.ID       `json:"id"`
	Account  auditOwner     `json:"account"`
	Action   recordAction   `json:"action"`
	Actor    recordActor    `json:"actor"`
	Resource recordResource `json:"resource"`
	Unsure   bool           `json:"x_unsure,omitempty"` // the outcome is unknown or partly unknown
}

type recordAction struct {
	Description string       `json:"description"`
	Result      string       `json:"result"` // always success: a rejected request is no change
	Time        v4.Timestamp `json:"time"`
	Type        string       `json:"type"`
}

type recordActor struct {
	ID        string `json:"id"`
	Context   string `json:"context,omitempty"` // api_token or api_key; empty for services
	Email     string `json:"email,omitempty"`
	IP        string `json:"ip_address,omitempty"`
	TokenID   string `json:"token_id,omitempty"`
	TokenName string `json:"token_name,omitempty"`
	Type      string `json:"type"` // account for a token, user for an API key, or system
}

type recordResource struct {
	ID       string          `json:"id"`
	Product  string          `json:"product"`
	Response json.RawMessage `json:"response,omitempty"` // the resource after the change
	Scope    string          `json:"scope"`
	Type     string          `json:"type"`
	Name     string          `json:"x_name"`
	Before   json.RawMessage `json:"x_before,omitempty"`
	Large    bool            `json:"x_large,omitempty"` // the list omits the values; query by id to get them
}

func newRecord(a proto.Account, e *proto.AuditEvent) record {
	r := record{
		ID: e.ID, Account: auditOwner{a.String()}, Unsure: e.Unsure,
		Action: recordAction{Description: e.Action + " " + e.Kind, Result: "success", Time: v4.Timestamp(e.At),
			Type: e.Action},
		Actor: recordActor{ID: e.Actor.ID, Email: e.Actor.Email, IP: e.Actor.IP},
		Resource: recordResource{ID: e.Resource, Product: "zero_trust", Scope: "accounts", Type: e.Kind, Name: e.Name,
			Response: e.After, Before: e.Before},
	}
	switch e.Actor.Type {
	case "system":
		r.Actor.Type = "system"
	case "user":
		r.Actor.Type, r.Actor.Context = "user", "dash"
	case "key":
		r.Actor.Type, r.Actor.Context = "user", "api_key"
	default:
		r.Actor.Type, r.Actor.Context = "account", "api_token"
	}
	if r.Actor.Context == "api_key" || r.Actor.Context == "api_token" {
		r.Actor.TokenID, r.Actor.TokenName = e.Actor.ID, e.Actor.Name
	}
	return r
}

// auditMembers are the filters of the newer log: NAME lists accepted values, NAME.not lists excluded ones.
var auditMembers = map[string]func(*record) string{
	"id":               func(r *record) string { return r.ID.String() },
	"audit_log_id":     func(r *record) string { return r.ID.String() },
	"action_result":    func(r *record) string { return r.Action.Result },
	"action_type":      func(r *record) string { return r.Action.Type },
	"actor_context":    func(r *record) string { return r.Actor.Context },
	"actor_email":      func(r *record) string { return r.Actor.Email },
	"actor_id":         func(r *record) string { return r.Actor.ID },
	"actor_ip_address": func(r *record) string { return r.Actor.IP },
	"actor_token_id":   func(r *record) string { return r.Actor.TokenID },
	"actor_token_name": func(r *record) string { return r.Actor.TokenName },
	"actor_type":       func(r *record) string { return r.Actor.Type },
	"resource_id":      func(r *record) string { return r.Resource.ID },
	"resource_product": func(r *record) string { return r.Resource.Product },
	"resource_scope":   func(r *record) string { return r.Resource.Scope },
	"resource_type":    func(r *record) string { return r.Resource.Type },
}

// noAuditMembers are Cloudflare's filters that are not supported. They are rejected, since ignoring them would return
// wrong results.
var noAuditMembers = []string{"account_name", "product_category", "raw_cf_ray_id", "raw_method", "raw_status_code",
	"raw_uri", "zone_id", "zone_name"}

// readAuditFilters returns the filter of a query.
func readAuditFilters(v url.Values) (func(*record) bool, error) {
	for _, name := range noAuditMembers {
		if v.Has(name) || v.Has(name+".not") {
			return nil, v4.Invalid("%s is not supported here", name)
		}
	}
	type filter struct {
		of        func(*record) string
		among     []string
		otherwise bool
	}
	var filters []filter
	for name, of := range auditMembers {
		if among := v[name]; len(among) > 0 {
			filters = append(filters, filter{of, among, false})
		}
		if among := v[name+".not"]; len(among) > 0 {
			filters = append(filters, filter{of, among, true})
		}
	}
	return func(r *record) bool {
		for _, f := range filters {
			if slices.Contains(f.among, f.of(r)) == f.otherwise {
				return false
			}
		}
		return true
	}, nil
}

// auditCursors is the result_info of a page of the newer log. After is empty on the last page.
type auditCursors struct {
	Count   int         `json:"count"`
	Cursor  string      `json:"cursor"`
	Cursors auditCursor `json:"cursors"`
	Newest  string      `json:"x_newest,omitempty"` // position of the newest change; direction=asc follows the log from it
}

type auditCursor struct {
	After string `json:"after"`
}

// listRecords lists the changes of an account, newest first unless direction is asc. A cursor is a position in the log,
// so new changes do not shift the pages.
func (s *API) listRecords(ctx context.Context, c *v4.Call) (v4.Response, error) {
	v := c.URL.Query()
	of := url.Values{}
	for to, from := range map[string]string{"since": "since", "before": "before", "direction": "direction",
		"per_page": "limit"} {
		of[to] = v[from]
	}
	q, err := readQuery(of)
	if err != nil {
		return v4.Response{}, err
	}
	wants, err := readAuditFilters(v)
	if err != nil {
		return v4.Response{}, err
	}
	after := uint64(0)
	if text := v.Get("cursor"); text != "" {
		if after, err = strconv.ParseUint(text, 10, 64); err != nil || after == 0 {
			return v4.Response{}, v4.Invalid("cursor must be result_info.cursors.after of the previous page")
		}
	}
	done, err := s.acquire(ctx)
	if err != nil {
		return v4.Response{}, err
	}
	defer done()
	size := q.perPage
	q.perPage++ // one more, to detect further pages
	r := reader{s: s, account: c.Account, query: q, seen: map[proto.ID]bool{}, wants: func(e *proto.AuditEvent) bool {
		record := newRecord(c.Account, e)
		return q.wants(e) && wants(&record)
	}}
	if err := r.bounds(ctx); err != nil {
		return v4.Response{}, err
	}
	newest := max(r.last, after)
	switch {
	case after > 0 && q.oldest:
		r.first = max(r.first, after+1)
	case after > 0:
		r.last = min(r.last, after-1)
	}
	if err := r.find(ctx); err != nil {
		return v4.Response{}, err
	}
	info := auditCursors{Count: min(size, len(r.found))}
	if newest > 0 {
		info.Newest = strconv.FormatUint(newest, 10)
	}
	if len(r.found) > size {
		r.found = r.found[:size]
		info.Cursor = strconv.FormatUint(r.found[size-1], 10)
		info.Cursors.After = info.Cursor
	}
	records := make([]record, len(r.found))
	for n, seq := range r.found {
		e, err := s.event(ctx, seq)
		if err != nil {
			return v4.Response{}, err
		}
		records[n] = newRecord(c.Account, e)
		if !v.Has("id") && !v.Has("audit_log_id") && len(e.Before)+len(e.After) > maxShown {
			records[n].Resource.Response, records[n].Resource.Before, records[n].Resource.Large = nil, nil, true
		}
	}
	return v4.Response{Result: records, Info: info, Messages: r.notices}, nil
}
