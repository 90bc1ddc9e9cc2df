package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// AuditEntry is one entry of the audit log.
type AuditEntry struct {
	ID     string `json:"id"`
	Action struct {
		Type string `json:"type"` // create, update, delete, ...
	} `json:"action"`
	Actor struct {
		ID    string `json:"id"`
		Email string `json:"email"`
		IP    string `json:"ip"`
		Type  string `json:"type"`
	} `json:"actor"`
	Metadata struct {
		Actor string `json:"actor_name"`
		Name  string `json:"name"`
		// Large is set if Old and New are left out; AuditQuery.ID returns them.
		Large bool `json:"x_large"`
	} `json:"metadata"`
	Resource struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	} `json:"resource"`
	Old  json.RawMessage `json:"oldValueJson"` // nil for a new resource
	New  json.RawMessage `json:"newValueJson"` // nil for a deleted resource
	When time.Time       `json:"when"`
}

// AuditQuery selects changes. A zero member selects any.
type AuditQuery struct {
	ID, Action, Email, IP string // IP may be a CIDR range
	Type, Resource        string // kind and id of the changed resource
	Since, Before         time.Time
	Oldest                bool // oldest first, or else newest first
}

// AuditLog yields the changes of the account. It stops at the first error.
func (c *Client) AuditLog(ctx context.Context, which AuditQuery) iter.Seq2[Item[AuditEntry], error] {
	q := url.Values{"per_page": {strconv.Itoa(perPage)}}
	for name, v := range map[string]string{"id": which.ID, "action.type": which.Action, "actor.email": which.Email,
		"actor.ip": which.IP, "x_type": which.Type, "x_resource": which.Resource} {
		if v != "" {
			q.Set(name, v)
		}
	}
	for name, at := range map[string]time.Time{"since": which.Since, "before": which.Before} {
		if !at.IsZero() {
			q.Set(name, at.Format(time.RFC3339Nano))
		}
	}
	if which.Oldest {
		q.Set("direction", "asc")
	}
	return func(yield func(Item[AuditEntry], error) bool) {
		var list pages[Item[AuditEntry]]
		for page := 1; page <= maxPages; page++ {
			q.Set("page", strconv.Itoa(page))
			some, err := decode[[]Item[AuditEntry]](c.call(ctx, http.MethodGet, "/audit_logs?"+q.Encode(), nil))
			if err != nil {
				yield(Item[AuditEntry]{}, err)
				return
			}
			list.all = nil // they have been yielded
			more := list.add(some, func(i Item[AuditEntry]) string { return i.Value.ID })
			for _, one := range list.all {
				if !yield(one, nil) {
					return
				}
			}
			if !more {
				return
			}
		}
		yield(Item[AuditEntry]{}, errEndless("/audit_logs"))
	}
}
