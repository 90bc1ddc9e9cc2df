package api

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"

	"plumbline.dev/proto"
)

// The newer audit log of the v4 API, GET logs/audit: the same changes in another shape, walked by cursor, as
// the SDKs declare it (zero_trust has no part in it; accounts.logs.audit).

// auditRecord is a change in an answer of the newer log. The x_ members are ours.
type auditRecord struct {
	ID       proto.ID            `json:"id"`
	Account  auditOwner          `json:"account"`
	Action   auditRecordAction   `json:"action"`
	Actor    auditRecordActor    `json:"actor"`
	Resource auditRecordResource `json:"resource"`
	Unsure   bool                `json:"x_unsure,omitempty"` // nobody knows whether it was done, or how much of it
}

type auditRecordAction struct {
	Description string `json:"description"`
	Result      string `json:"result"` // success: what was refused is no change
	Time        stamp  `json:"time"`
	Type        string `json:"type"`
}

type auditRecordActor struct {
	ID        string `json:"id"`
	Context   string `json:"context,omitempty"` // api_token or api_key; the services themselves have none
	Email     string `json:"email,omitempty"`
	IP        string `json:"ip_address,omitempty"`
	TokenID   string `json:"token_id,omitempty"`
	TokenName string `json:"token_name,omitempty"`
	Type      string `json:"type"` // account for a token, user for the key of an address, or system
}

type auditRecordResource struct {
	ID       string          `json:"id"`
	Product  string          `json:"product"`
	Response json.RawMessage `json:"response,omitempty"` // what it is after the change
	Scope    string          `json:"scope"`
	Type     string          `json:"type"`
	Name     string          `json:"x_name"`
	Before   json.RawMessage `json:"x_before,omitempty"`
	Large    bool            `json:"x_large,omitempty"` // what it was and is, is left out of the list: ask for the change by its id
}

func newAuditRecord(a proto.Account, e *proto.AuditEvent) auditRecord {
	r := auditRecord{
		ID: e.ID, Account: auditOwner{a.String()}, Unsure: e.Unsure,
		Action:   auditRecordAction{Description: e.Action + " " + e.Kind, Result: "success", Time: stamp(e.At), Type: e.Action},
		Actor:    auditRecordActor{ID: e.Actor.ID, Email: e.Actor.Email, IP: e.Actor.IP},
		Resource: auditRecordResource{ID: e.Resource, Product: "zero_trust", Scope: "accounts", Type: e.Kind, Name: e.Name, Response: e.After, Before: e.Before},
	}
	switch e.Actor.Type {
	case "system":
		r.Actor.Type = "system"
	case "key":
		r.Actor.Type, r.Actor.Context = "user", "api_key"
	default:
		r.Actor.Type, r.Actor.Context = "account", "api_token"
	}
	if r.Actor.Context != "" {
		r.Actor.TokenID, r.Actor.TokenName = e.Actor.ID, e.Actor.Name
	}
	return r
}

// auditMembers are what the newer log is filtered by: one of the values of NAME, and none of those of NAME.not.
var auditMembers = map[string]func(*auditRecord) string{
	"id":               func(r *auditRecord) string { return r.ID.String() },
	"audit_log_id":     func(r *auditRecord) string { return r.ID.String() },
	"action_result":    func(r *auditRecord) string { return r.Action.Result },
	"action_type":      func(r *auditRecord) string { return r.Action.Type },
	"actor_context":    func(r *auditRecord) string { return r.Actor.Context },
	"actor_email":      func(r *auditRecord) string { return r.Actor.Email },
	"actor_id":         func(r *auditRecord) string { return r.Actor.ID },
	"actor_ip_address": func(r *auditRecord) string { return r.Actor.IP },
	"actor_token_id":   func(r *auditRecord) string { return r.Actor.TokenID },
	"actor_token_name": func(r *auditRecord) string { return r.Actor.TokenName },
	"actor_type":       func(r *auditRecord) string { return r.Actor.Type },
	"resource_id":      func(r *auditRecord) string { return r.Resource.ID },
	"resource_product": func(r *auditRecord) string { return r.Resource.Product },
	"resource_scope":   func(r *auditRecord) string { return r.Resource.Scope },
	"resource_type":    func(r *auditRecord) string { return r.Resource.Type },
}

// noAuditMembers are what Cloudflare filters by and is not known here: a filter that were ignored would lie.
var noAuditMembers = []string{"account_name", "product_category", "raw_cf_ray_id", "raw_method", "raw_status_code", "raw_uri", "zone_id", "zone_name"}

// readAuditFilters gives what a change must be to be asked for.
func readAuditFilters(v url.Values) (func(*auditRecord) bool, error) {
	for _, name := range noAuditMembers {
		if v.Has(name) || v.Has(name+".not") {
			return nil, invalid("%s is not supported here", name)
		}
	}
	type filter struct {
		of        func(*auditRecord) string
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
	return func(r *auditRecord) bool {
		for _, f := range filters {
			if slices.Contains(f.among, f.of(r)) == f.otherwise {
				return false
			}
		}
		return true
	}, nil
}

// auditCursors goes with a part of the newer log. After is empty in the last one.
type auditCursors struct {
	Count   int         `json:"count"`
	Cursor  string      `json:"cursor"`
	Cursors auditCursor `json:"cursors"`
}

type auditCursor struct {
	After string `json:"after"`
}

// newAuditLogs gives the changes of an account, the newest first unless direction is asc. A cursor is a place in
// the log, which changes that come meanwhile do not move.
func (s *Service) newAuditLogs(ctx context.Context, c *call) (answer, error) {
	v := c.URL.Query()
	of := url.Values{}
	for to, from := range map[string]string{"since": "since", "before": "before", "direction": "direction", "per_page": "limit"} {
		of[to] = v[from]
	}
	q, err := readAuditQuery(of)
	if err != nil {
		return answer{}, err
	}
	wants, err := readAuditFilters(v)
	if err != nil {
		return answer{}, err
	}
	after := uint64(0)
	if text := v.Get("cursor"); text != "" {
		if after, err = strconv.ParseUint(text, 10, 64); err != nil || after == 0 {
			return answer{}, invalid("cursor must be result_info.cursors.after of the part before")
		}
	}
	done, err := s.readingAudit(ctx)
	if err != nil {
		return answer{}, err
	}
	defer done()
	size := q.perPage
	q.perPage++ // whether there are more
	r := auditReader{s: s, account: c.account, query: q, seen: map[proto.ID]bool{}, wants: func(e *proto.AuditEvent) bool {
		record := newAuditRecord(c.account, e)
		return q.wants(e) && wants(&record)
	}}
	if err := r.bounds(ctx); err != nil {
		return answer{}, err
	}
	switch {
	case after > 0 && q.oldest:
		r.first = max(r.first, after+1)
	case after > 0:
		r.last = min(r.last, after-1)
	}
	if err := r.find(ctx); err != nil {
		return answer{}, err
	}
	info := auditCursors{Count: min(size, len(r.found))}
	if len(r.found) > size {
		r.found = r.found[:size]
		info.Cursor = strconv.FormatUint(r.found[size-1], 10)
		info.Cursors.After = info.Cursor
	}
	records := make([]auditRecord, len(r.found))
	for n, seq := range r.found {
		e, err := s.auditEvent(ctx, seq)
		if err != nil {
			return answer{}, err
		}
		records[n] = newAuditRecord(c.account, e)
		if !v.Has("id") && !v.Has("audit_log_id") && len(e.Before)+len(e.After) > maxShown {
			records[n].Resource.Response, records[n].Resource.Before, records[n].Resource.Large = nil, nil, true
		}
	}
	return answer{result: records, info: info}, nil
}
