package identity

import (
	"context"
	"strings"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/posture"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

// identityView is a person's identity at a login, with the current posture of their devices (api/README.md 7.4).
type identityView struct {
	ID             proto.ID                 `json:"id"`
	Name           string                   `json:"name"`
	Email          string                   `json:"email"`
	AMR            []string                 `json:"amr"`
	IDP            identityProvider         `json:"idp"`
	Geo            identityPlace            `json:"geo"`
	UserUUID       proto.ID                 `json:"user_uuid"`
	AccountID      proto.Account            `json:"account_id"`
	IssuedAt       int64                    `json:"iat"`
	IP             string                   `json:"ip"`
	AuthStatus     string                   `json:"auth_status"`
	CommonName     string                   `json:"common_name"`
	ServiceToken   string                   `json:"service_token_id"`
	ServiceStatus  bool                     `json:"service_token_status"`
	IsWARP         bool                     `json:"is_warp"`
	IsGateway      bool                     `json:"is_gateway"`
	DeviceID       string                   `json:"device_id"`
	DeviceSessions map[string]deviceSession `json:"device_sessions"`
	DevicePosture  map[string]devicePosture `json:"devicePosture"`
	MTLS           map[string]any           `json:"mtls_auth"`
	Version        int                      `json:"version"`
	Devices        []proto.ID               `json:"x_devices"` // devices in DevicePosture
}

type identityProvider struct {
	ID   proto.ID `json:"id"`
	Type string   `json:"type"`
}

type identityPlace struct {
	Country string `json:"country"`
}

type deviceSession struct {
	LastAuthenticated int64 `json:"last_authenticated"`
}

type devicePosture struct {
	ID          proto.ID       `json:"id"`
	Check       postureExists  `json:"check"`
	Data        map[string]any `json:"data"`
	Description string         `json:"description"`
	Error       string         `json:"error"` // why the outcome is unknown; empty if it is known
	RuleName    string         `json:"rule_name"`
	Success     bool           `json:"success"`
	Timestamp   string         `json:"timestamp"` // time of the score; empty without a score
	Type        string         `json:"type"`
}

type postureExists struct {
	Exists bool   `json:"exists"`
	Path   string `json:"path"`
}

// lastIdentity returns a person's identity at their newest login.
func (s *API) lastIdentity(ctx context.Context, c *v4.Call) (v4.Response, error) {
	u, err := s.person(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	view, err := s.identify(ctx, c.Account, &u.Last)
	return v4.OK(view), err
}

func (s *API) identify(ctx context.Context, a proto.Account, login *proto.Session) (*identityView, error) {
	if err := s.store.Fresh(ctx); err != nil {
		return nil, err
	}
	v := &identityView{
		ID: login.User, Name: login.Name, Email: login.Email, AMR: append([]string{}, login.AMR...),
		IDP: identityProvider{ID: login.IDP},
		Geo: identityPlace{login.Country}, UserUUID: login.User, AccountID: a, IssuedAt: login.StartedAt.Time().Unix(),
		IP:         login.IP,
		AuthStatus: "NONE", DeviceSessions: map[string]deviceSession{}, DevicePosture: map[string]devicePosture{},
		Devices: []proto.ID{},
		MTLS: map[string]any{"auth_status": "NONE", "cert_issuer_dn": "", "cert_issuer_ski": "", "cert_presented": false,
			"cert_serial": ""}, Version: 2,
	}
	if r, found := s.store.Catalog.IdentityProvider(a, login.IDP); found {
		v.IDP.Type = r.Value.Type
	}
	if !login.Device.IsZero() {
		v.DeviceID = login.Device.String()
		v.DeviceSessions[v.DeviceID] = deviceSession{v.IssuedAt}
	}
	devices, err := s.devicesOf(ctx, a, login)
	if err != nil {
		return nil, err
	}
	for n := range devices {
		v.Devices = append(v.Devices, devices[n].Device.ID)
		if err := s.addPosture(ctx, a, v.DevicePosture, &devices[n]); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// MaxOwnDevices bounds the devices of a person that are checked.
const MaxOwnDevices = 20

// devicesOf returns the device of a login, or, if it is unknown, the devices enrolled for the address.
func (s *API) devicesOf(ctx context.Context, a proto.Account, login *proto.Session) ([]device.Placed, error) {
	if err := s.device.Fresh(ctx); err != nil {
		return nil, err
	}
	q := &device.Query{Active: true, Email: strings.ToLower(login.Email)}
	if !login.Device.IsZero() {
		q.IDs, q.Email = []proto.ID{login.Device}, ""
	} else if q.Email == "" {
		return nil, nil
	}
	return s.device.List(ctx, a, q, MaxOwnDevices)
}

// addPosture adds the outcome of every check for a device. A person with several devices passes a check if all of them
// do.
func (s *API) addPosture(ctx context.Context, a proto.Account, all map[string]devicePosture, d *device.Placed) error {
	entries := map[proto.ID]*proto.Entry{}
	for _, r := range s.store.Catalog.ChecksOf(a) {
		ref := topology.PageRef{Account: a, Integration: r.Value.Integration, Page: d.Page}
		e := entries[ref.Integration]
		if e == nil && s.posture.IsPolled(a, r.Value) {
			var err error
			if e, err = s.posture.Entry(ctx, ref, nil); err != nil {
				return err
			}
			entries[ref.Integration] = e
		}
		p := viewPosture(r, s.posture.Explain(ref, r, d.Device, e))
		if before, there := all[p.ID.String()]; !there || before.Success && !p.Success {
			all[p.ID.String()] = p
		}
	}
	return nil
}

func viewPosture(r catalog.Record[proto.Check], x posture.Explanation) devicePosture {
	p := devicePosture{ID: x.Check, Check: postureExists{Exists: true}, Data: map[string]any{}, RuleName: x.Name,
		Type:    x.Type,
		Success: x.Outcome == proto.OutcomePass}
	p.Description, _ = v4.Decode(r.Value.Sent).Text("description")
	if x.Score != nil {
		p.Data["score"] = *x.Score
	}
	if x.Outcome != proto.OutcomePass && x.Outcome != proto.OutcomeFail {
		p.Error = x.Reason.String()
	}
	if x.ObservedAt != 0 {
		p.Timestamp = proto.Millis(x.ObservedAt).Time().Format(time.RFC3339)
	}
	return p
}
