package identity

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/policy"
)

// userChecks holds the decisions of an application's policies about a person (api/README.md 3.2).
type userChecks struct {
	App  checkedApp  `json:"app_state"`
	User checkedUser `json:"user_identity"`
}

type checkedApp struct {
	UID      proto.ID          `json:"app_uid"`
	AUD      string            `json:"aud"`
	Hostname string            `json:"hostname"`
	Name     string            `json:"name"`
	Policies []json.RawMessage `json:"policies"`
	Status   string            `json:"status"` // allowed or denied
	Reason   string            `json:"x_reason"`
}

// checkedPolicyView is the decision of one policy by itself.
type checkedPolicyView struct {
	Status string `json:"status"` // allowed, denied, or no_match
	Reason string `json:"x_reason"`
}

type checkedUser struct {
	ID             proto.ID                 `json:"id"`
	AccountID      proto.Account            `json:"account_id"`
	DeviceSessions map[string]deviceSession `json:"device_sessions"`
	Email          string                   `json:"email"`
	Geo            identityPlace            `json:"geo"`
	IssuedAt       int64                    `json:"iat"`
	IsGateway      bool                     `json:"is_gateway"`
	IsWARP         bool                     `json:"is_warp"`
	Name           string                   `json:"name"`
	UserUUID       proto.ID                 `json:"user_uuid"`
	Version        int                      `json:"version"`
}

// userChecks returns what the policies of an application would decide if the person returned now under the conditions
// of their last login. If they never logged in, only their address is known.
func (s *API) userChecks(ctx context.Context, c *v4.Call) (v4.Response, error) {
	email := strings.ToLower(c.URL.Query().Get("email"))
	switch {
	case email == "" && c.Token.Email == "":
		return v4.Response{}, v4.Invalid("query parameter \"email\" is required, since the token has no e-mail address")
	case email == "":
		email = c.Token.Email
	case !v4.IsEmail(email):
		return v4.Response{}, v4.Invalid("email must be an e-mail address")
	}
	if of := (v4.Permission{Scope: permission.Organization, Edit: false}); email != c.Token.Email &&
		!permission.Permits(c.Token, of, c.Zone) {
		return v4.Response{}, permission.Denied(of)
	}
	app, err := s.access.Application(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	u := proto.User{ID: device.PersonID(c.Account, email), Email: email}
	u.Last = proto.Session{User: u.ID, Email: email}
	if _, err := s.store.Conn.Get(ctx, topology.Sessions, topology.UserKey(c.Account, u.ID), &u); err != nil &&
		!errors.Is(err, bus.ErrNotFound) {
		return v4.Response{}, err
	}
	who, err := s.identify(ctx, c.Account, &u.Last)
	if err != nil {
		return v4.Response{}, err
	}
	view := userChecks{User: checkedUser{ID: u.ID, AccountID: c.Account, DeviceSessions: who.DeviceSessions, Email: email,
		Geo:  who.Geo,
		Name: who.Name, UserUUID: u.ID, Version: who.Version}}
	if u.Last.StartedAt != 0 {
		view.User.IssuedAt = who.IssuedAt
	}
	view.App = s.checkApp(c.Account, app, FactsOf(&u.Last, outcomeOf(who)))
	return v4.OK(view), nil
}

// outcomeOf returns the outcomes of a person by check, or nil if no device of theirs is known.
func outcomeOf(who *identityView) func(proto.ID) proto.Outcome {
	if len(who.Devices) == 0 {
		return nil
	}
	return func(check proto.ID) proto.Outcome {
		p, there := who.DevicePosture[check.String()]
		switch {
		case !there || p.Error != "":
			return proto.OutcomeUnknown
		case p.Success:
			return proto.OutcomePass
		}
		return proto.OutcomeFail
	}
}

// FactsOf returns the facts known about a person from their last login. outcome returns the current outcomes of their
// devices; nil means that no device is known.
func FactsOf(login *proto.Session, outcome func(check proto.ID) proto.Outcome) *policy.Facts {
	f := &policy.Facts{LoggedIn: true, Email: login.Email, IDP: login.IDP, AMR: login.AMR, Posture: outcome}
	f.IP, _ = netip.ParseAddr(login.IP) // an invalid address is unknown
	if len(login.Claims) > 0 {
		f.Claims = policy.NewClaims(login.Claims)
	}
	return f
}

func (s *API) checkApp(a proto.Account, app catalog.Record[proto.Application], f *policy.Facts) checkedApp {
	rules := s.rules.Of(app)
	d := policy.Decide(rules, f)
	v := checkedApp{UID: app.Value.ID, AUD: app.Value.AUD, Name: app.Value.Name, Policies: []json.RawMessage{},
		Status: statusOfDecision(d), Reason: d.Reason.String()}
	if len(app.Value.Domains) > 0 {
		v.Hostname, _, _ = strings.Cut(app.Value.Domains[0], "/")
	}
	precedence := map[proto.ID]int{}
	for _, link := range app.Value.Policies {
		precedence[link.Policy] = link.Precedence
	}
	for _, r := range rules {
		p, found := s.store.Catalog.Policy(a, r.ID())
		if !found {
			continue
		}
		alone := policy.Decide([]*policy.Policy{r}, f)
		said := checkedPolicyView{Status: statusOfDecision(alone), Reason: alone.Reason.String()}
		if !alone.Admitted() && alone.Reason != policy.Denied {
			said.Status = "no_match"
		}
		v.Policies = append(v.Policies, v4.Splice(s.access.ViewPolicy(a, p.Value, precedence[r.ID()]), said))
	}
	return v
}

func statusOfDecision(d policy.Decision) string {
	if d.Admitted() {
		return "allowed"
	}
	return "denied"
}
