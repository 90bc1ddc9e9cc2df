package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"path"
	"strings"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// The actions of the audit log. Those of a path's last part say more than that something was updated.
const (
	actionCreate = "create"
	actionUpdate = "update"
	actionDelete = "delete"
	actionImport = "import"
	actionPoll   = "poll"
)

var pathActions = map[string]string{
	"refresh": "refresh", "rotate": "rotate", "value": "roll", "revoke_tokens": "revoke", "revoke-tokens": "revoke", "revoke": "revoke",
}

// origin is who makes a change, and by which call.
type origin struct {
	proto.Actor
	action string // "" where the path says none
}

type originKey struct{}

// withOrigin notes who makes the changes of a request.
func withOrigin(r *http.Request, t *proto.APIToken) context.Context {
	o := origin{Actor: proto.Actor{Type: "token", ID: t.ID.String(), Name: t.Name, IP: ""}, action: pathActions[path.Base(r.URL.Path)]}
	if t.Email != "" {
		o.Type, o.Email = "key", t.Email
	}
	if from := peer(r); from.IsValid() {
		o.IP = from.String()
	}
	return context.WithValue(r.Context(), originKey{}, o)
}

// originOf is who makes the changes of a context: the control plane itself where nobody asked.
func originOf(ctx context.Context) origin {
	if o, ok := ctx.Value(originKey{}).(origin); ok {
		return o
	}
	return origin{Actor: proto.Actor{Type: "system", ID: "api", Name: "control plane"}}
}

// change is a change of what is in no bucket of ours, as the audit log tells it.
type change struct {
	action, kind, id, name string
	before, after          any  // as the API shows it; nil: none
	unsure                 bool // whether it was made, or how much of it
}

func (s *Service) newEvent(ctx context.Context, c change) *proto.AuditEvent {
	return &proto.AuditEvent{
		ID: proto.NewID(), At: proto.At(s.clock.Now()), Actor: originOf(ctx).Actor, Action: c.action,
		Kind: c.kind, Resource: c.id, Name: c.name, Before: shown(c.before), After: shown(c.after), Unsure: c.unsure,
	}
}

// event is what the audit log tells of a write. It is nil where the control plane itself worked out again
// what nobody sees, and where the key is no resource.
func (s *Service) event(ctx context.Context, a proto.Account, w keyed, before proto.Message) *proto.AuditEvent {
	c := change{kind: kindOf(w.key), before: s.show(a, before), after: s.show(a, w.after)}
	if c.kind == "" {
		return nil
	}
	o := originOf(ctx)
	switch {
	case w.after == nil:
		c.action = actionDelete
	case w.expect == 0:
		c.action = actionCreate
	case o.action != "":
		c.action = o.action
	default:
		c.action = actionUpdate
	}
	e := s.newEvent(ctx, c)
	if o.Type == "system" && bytes.Equal(e.Before, e.After) {
		return nil
	}
	e.Resource, e.Name = identity(w, e)
	return e
}

// identity finds the id and the name in what an event shows.
func identity(w keyed, e *proto.AuditEvent) (id, name string) {
	view := e.After
	if len(view) == 0 {
		view = e.Before
	}
	var v struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	_ = json.Unmarshal(view, &v) // a view whose name is no text has none here
	if v.ID == "" {
		v.ID = w.key[strings.LastIndexByte(w.key, '.')+1:]
	}
	return v.ID, v.Name
}

// kindOf names what a key holds; empty for what is no resource: when a token was used.
func kindOf(key string) string {
	parts := strings.Split(key, ".")
	if len(parts) != 3 {
		return ""
	}
	switch parts[1] {
	case "service":
		return "service_token"
	case "api":
		return "api_token"
	case "seen", "used", string(topology.KindClaim):
		return ""
	}
	return parts[1]
}

// recordOf is an empty record of what a key holds; nil for what is not shown.
func recordOf(key string) proto.Message {
	switch kind := kindOf(key); topology.Kind(kind) {
	case topology.KindIntegration:
		return new(proto.Integration)
	case topology.KindCheck:
		return new(proto.Check)
	case topology.KindApplication:
		return new(proto.Application)
	case topology.KindPolicy:
		return new(proto.Policy)
	case topology.KindGroup:
		return new(proto.Group)
	case topology.KindIDP:
		return new(proto.IdentityProvider)
	case topology.KindTag:
		return new(proto.Tag)
	case topology.KindOrganization:
		return new(proto.Organization)
	case topology.KindZone:
		return new(proto.Zone)
	case "service_token":
		return new(proto.ServiceToken)
	case "api_token":
		return new(proto.APIToken)
	}
	return nil
}

// show is a record as the API shows it, without its secrets; nil of nothing.
func (s *Service) show(a proto.Account, m proto.Message) any {
	switch m := m.(type) {
	case *proto.Integration:
		return viewIntegration(m)
	case *proto.Check:
		return viewRule(m)
	case *proto.Application:
		return s.showApplication(a, m)
	case *proto.Policy:
		return s.viewPolicy(a, m, 0)
	case *proto.Group:
		return s.viewGroup(a, m)
	case *proto.IdentityProvider:
		return s.viewProvider(m, "")
	case *proto.Tag:
		return s.viewTag(a, m)
	case *proto.Organization:
		return s.viewOrganization(m)
	case *proto.Zone:
		return zoneSeen{m.Name, m.Hosts}
	case *proto.ServiceToken:
		key, _ := topology.ServiceTokenKey(a, m.ClientID)
		return s.viewServiceToken(key, m, "")
	case *proto.APIToken:
		return s.viewAPIToken(a, m, "")
	}
	return nil
}

// showApplication shows an application with the ids of its policies: they have events of their own, and what
// they were at that moment is in those.
func (s *Service) showApplication(a proto.Account, app *proto.Application) any {
	alone := *app
	alone.Policies = nil
	view := stored(s.viewApplication(a, &alone))
	type link struct {
		ID         proto.ID `json:"id"`
		Precedence int      `json:"precedence"`
	}
	links := make([]link, len(app.Policies))
	for n, l := range app.Policies {
		links[n] = link{l.Policy, l.Precedence}
	}
	view.set("policies", links)
	return view
}

// shown encodes a view; nil of nothing.
func shown(view any) json.RawMessage {
	if view == nil {
		return nil
	}
	b, err := encode(view)
	if err != nil {
		return nil
	}
	return bytes.TrimSpace(b)
}
