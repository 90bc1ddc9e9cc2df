package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"strings"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// The actions of the audit log. The last part of a path may name a more specific one.
const (
	ActionCreate = "create"
	ActionUpdate = "update"
	ActionDelete = "delete"
	ActionImport = "import"
	ActionPoll   = "poll"
	ActionTest   = "test"
	ActionEnd    = "end" // of what has an end, by the services themselves
)

// origin is the actor of a change, and the action that the request names.
type origin struct {
	proto.Actor
	action string // empty if the path names none
}

type originKey struct{}

// WithActor returns a context in which changes are the actor's. If action is not empty, updates are recorded under that
// name.
func WithActor(ctx context.Context, actor proto.Actor, action string) context.Context {
	return context.WithValue(ctx, originKey{}, origin{actor, action})
}

// originOf returns the actor of a context; the control plane itself if there is none.
func originOf(ctx context.Context) origin {
	if o, ok := ctx.Value(originKey{}).(origin); ok {
		return o
	}
	return origin{Actor: proto.Actor{Type: "system", ID: "api", Name: "control plane"}}
}

// Change is a change outside of the buckets, as the audit log shows it.
type Change struct {
	Action, Kind, ID, Name string
	Before, After          any  // as in API responses; nil: none
	Unsure                 bool // the outcome is unknown or partly unknown
}

func (s *Store) newEvent(ctx context.Context, c Change) *proto.AuditEvent {
	return &proto.AuditEvent{
		ID: proto.NewID(), At: proto.At(s.Clock.Now()), Actor: originOf(ctx).Actor, Action: c.Action,
		Kind: c.Kind, Resource: c.ID, Name: c.Name, Before: EncodeView(c.Before), After: EncodeView(c.After),
		Unsure: c.Unsure,
	}
}

// event returns the event of a write. It is nil for a key that holds no resource, and for a change by the control plane
// that is not visible in the API.
func (s *Store) event(ctx context.Context, a proto.Account, bucket string, w Write,
	before proto.Message) *proto.AuditEvent {
	if w.Told != nil {
		e := s.newEvent(ctx, *w.Told)
		e.Records = writtenKeys(bucket, w)
		return e
	}
	c := Change{Kind: kindOf(bucket, w.Key)}
	c.Before, c.After = s.show(a, c.Kind, before), s.show(a, c.Kind, w.After)
	if c.Kind == "" {
		return nil
	}
	o := originOf(ctx)
	switch {
	case w.After == nil:
		c.Action = ActionDelete
	case w.Prior.Revision == 0:
		c.Action = ActionCreate
	case o.action != "":
		c.Action = o.action
	default:
		c.Action = ActionUpdate
	}
	e := s.newEvent(ctx, c)
	if o.Type == "system" && bytes.Equal(e.Before, e.After) {
		return nil
	}
	e.Resource, e.Name = identity(w, e)
	e.Records = writtenKeys(bucket, w)
	return e
}

// identity returns the id and the name that an event shows.
func identity(w Write, e *proto.AuditEvent) (id, name string) {
	view := e.After
	if len(view) == 0 {
		view = e.Before
	}
	var v struct {
		ID     string `json:"id"`
		Name   string `json:"name"`
		Device string `json:"device_name"` // of an exemption, which has no name
		Email  string `json:"email"`       // of a member, who has no name either
	}
	_ = json.Unmarshal(view, &v) // empty if the name is not a string
	if v.ID == "" {
		v.ID = w.Key[strings.LastIndexByte(w.Key, '.')+1:]
	}
	return v.ID, cmp.Or(v.Name, v.Device, v.Email)
}

// kindOf returns the kind of resource that a key of a bucket holds; empty if it holds none.
func kindOf(bucket, key string) string {
	if bucket == topology.Holds {
		return KindHold
	}
	parts := strings.Split(key, ".")
	if len(parts) != 3 {
		return ""
	}
	switch parts[1] {
	case "service":
		return "service_token"
	case "api":
		return "api_token"
	case "seen", "used", string(topology.KindReservation):
		return ""
	}
	return parts[1]
}

// EncodeView returns the JSON of a view, or nil if there is none.
func EncodeView(view any) json.RawMessage {
	if view == nil {
		return nil
	}
	b, err := v4.Encode(view)
	if err != nil {
		return nil
	}
	return bytes.TrimSpace(b)
}
