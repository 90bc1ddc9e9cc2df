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
		// Large says that Old and New are left out: ask for the change by its id.
		Large bool `json:"x_large"`
	} `json:"metadata"`
	Resource struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	} `json:"resource"`
	Old  json.RawMessage `json:"oldValueJson"` // nil: there was none
	New  json.RawMessage `json:"newValueJson"` // nil: there is none
	When time.Time       `json:"when"`
}

// AuditQuery says which changes are asked for; what is zero asks for any.
type AuditQuery struct {
	ID, Action, Email, IP string // IP may be a CIDR range
	Type, Resource        string // of what was changed: its kind and its id
	Since, Before         time.Time
	Oldest                bool // first; else the newest
}

// AuditLog yields the changes of the account until there are no more or one cannot be read.
func (c *Client) AuditLog(ctx context.Context, which AuditQuery) iter.Seq2[Item[AuditEntry], error] {
	q := url.Values{"per_page": {strconv.Itoa(perPage)}}
	for name, v := range map[string]string{"id": which.ID, "action.type": which.Action, "actor.email": which.Email, "actor.ip": which.IP,
		"x_type": which.Type, "x_resource": which.Resource} {
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
			list.all = nil // these were given
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
