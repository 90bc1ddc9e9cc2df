package auditlog

import (
	"encoding/json"
	"net/netip"
	"net/url"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// query selects changes.
type query struct {
	id, action, email string
	kind, resource    string
	from              netip.Prefix // address of the actor; invalid: any
	since, before     time.Time
	oldest            bool // oldest first
	page, perPage     int
}

func readQuery(q url.Values) (query, error) {
	a := query{id: q.Get("id"), action: q.Get("action.type"), email: q.Get("actor.email"), kind: q.Get("x_type"),
		resource: q.Get("x_resource")}
	var err error
	if a.page, err = v4.PositiveParam(q, "page", 1); err != nil {
		return a, err
	}
	if a.perPage, err = v4.PositiveParam(q, "per_page", defaultPerPage); err != nil {
		return a, err
	}
	if a.perPage = min(a.perPage, v4.MaxPerPage); a.page > maxAuditScan {
		return a, v4.Invalid("page must be at most %d", maxAuditScan)
	}
	if a.since, err = moment(q, "since"); err != nil {
		return a, err
	}
	if a.before, err = moment(q, "before"); err != nil {
		return a, err
	}
	switch q.Get("direction") {
	case "", "desc":
	case "asc":
		a.oldest = true
	default:
		return a, v4.Invalid("direction must be asc or desc")
	}
	if text := q.Get("actor.ip"); text != "" {
		addr, err := netip.ParseAddr(text)
		if a.from = netip.PrefixFrom(addr, addr.BitLen()); err != nil {
			if a.from, err = netip.ParsePrefix(text); err != nil {
				return a, v4.Invalid("actor.ip must be an address or a CIDR range")
			}
		}
	}
	for _, name := range []string{"zone.name", "export"} {
		if v := q.Get(name); v != "" && v != "false" {
			return a, v4.Invalid("%s is not supported here", name)
		}
	}
	return a, nil
}

// moment reads a time. A date alone is its first moment in UTC.
func moment(q url.Values, name string) (time.Time, error) {
	text := q.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil && at.Year() > 1 && at.Year() < 9999 {
			return at, nil
		}
	}
	return time.Time{}, v4.Invalid("%s must be a date or a time, such as 2026-01-02 or 2026-01-02T15:04:05Z", name)
}

// filters reports whether the query has any filter.
func (q query) filters() bool {
	all := query{page: q.page, perPage: q.perPage, oldest: q.oldest}
	return q != all
}

// wants reports whether a change matches. since is inclusive, before is exclusive.
func (q query) wants(e *proto.AuditEvent) bool {
	at := e.At.Time()
	if q.from.IsValid() {
		addr, err := netip.ParseAddr(e.Actor.IP)
		if err != nil || !q.from.Contains(addr) {
			return false
		}
	}
	return (q.id == "" || q.id == e.ID.String()) && (q.action == "" || q.action == e.Action) &&
		(q.email == "" || q.email == e.Actor.Email) && (q.kind == "" || q.kind == e.Kind) &&
		(q.resource == "" || q.resource == e.Resource) &&
		(q.since.IsZero() || !at.Before(q.since)) && (q.before.IsZero() || at.Before(q.before))
}

// entry is a change in a response, in the shape of Cloudflare's audit logs.
type entry struct {
	ID        proto.ID        `json:"id"`
	Action    auditAction     `json:"action"`
	Actor     auditActor      `json:"actor"`
	Interface string          `json:"interface"`
	Metadata  auditMetadata   `json:"metadata"`
	New       string          `json:"newValue"`
	NewJSON   json.RawMessage `json:"newValueJson,omitempty"`
	Old       string          `json:"oldValue"`
	OldJSON   json.RawMessage `json:"oldValueJson,omitempty"`
	Owner     auditOwner      `json:"owner"`
	Resource  auditResource   `json:"resource"`
	When      v4.Timestamp    `json:"when"`
}

type auditAction struct {
	Result bool   `json:"result"` // always true: a rejected request is no change
	Type   string `json:"type"`
}

// actorSystem is the type of an actor that is not a person. The SDKs know only user, admin and this one.
const actorSystem = "Cloudflare"

type auditActor struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	IP    string `json:"ip"`
	Type  string `json:"type"` // user, or actorSystem for services
}

type auditMetadata struct {
	Actor string `json:"actor_name"` // name of the token
	Name  string `json:"name"`       // name of the resource
	// Large reports that a list omits the values. A query for the change's id returns them.
	Large bool `json:"x_large,omitempty"`
	// Unsure reports that the outcome is unknown or partly unknown, because the process ended before it recorded it.
	Unsure bool `json:"x_unsure,omitempty"`
}

type auditOwner struct {
	ID string `json:"id"`
}

type auditResource struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

// maxShown bounds the values of one change in a list, in bytes.
const maxShown = 64 << 10

func newEntry(a proto.Account, e *proto.AuditEvent, alone bool) entry {
	v := entry{
		ID: e.ID, Action: auditAction{true, e.Action}, Actor: auditActor{e.Actor.ID, e.Actor.Email, e.Actor.IP, "user"},
		Interface: "API",
		Metadata:  auditMetadata{Actor: e.Actor.Name, Name: e.Name, Unsure: e.Unsure}, Owner: auditOwner{a.String()},
		Resource: auditResource{e.Resource, e.Kind}, When: v4.Timestamp(e.At),
	}
	if e.Actor.Type == "system" {
		v.Actor.Type, v.Interface = actorSystem, "system"
	}
	if !alone && len(e.Before)+len(e.After) > maxShown {
		v.Metadata.Large = true
		return v
	}
	v.New, v.NewJSON, v.Old, v.OldJSON = string(e.After), e.After, string(e.Before), e.Before
	return v
}
