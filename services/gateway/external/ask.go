package external

import (
	"encoding/json"
	"fmt"
	"net/netip"

	"plumbline.dev/proto"
)

// maxIdentity bounds the identity sent to an endpoint, in bytes.
const maxIdentity = 16 << 10

// Ask describes the person and the request for an evaluation.
type Ask struct {
	Account     proto.Account
	Application proto.ID
	Host        string         // of the request
	Session     *proto.Session // the person's login; nil: none, and no endpoint is asked
	Device      proto.ID       // behind the request; zero: unknown
	IP          netip.Addr     // of the request; the zero Addr: unknown
}

// identity is the identity claim. Its names are those of /cdn-cgi/access/get-identity (api/README.md 8.7), to which
// Cloudflare's documentation refers authors of endpoints.
type identity struct {
	AccountID  string          `json:"account_id"`
	Email      string          `json:"email"`
	Name       string          `json:"name,omitempty"`
	UserID     string          `json:"user_uuid"`
	IDP        provider        `json:"idp"`
	AMR        []string        `json:"amr,omitempty"`
	OIDCFields json.RawMessage `json:"oidc_fields,omitempty"`
	IssuedAt   int64           `json:"iat"` // start of the session
	Geo        *geo            `json:"geo,omitempty"`
	IP         string          `json:"ip,omitempty"`
	DeviceID   string          `json:"device_id,omitempty"`
	IsWARP     bool            `json:"is_warp"`
	IsGateway  bool            `json:"is_gateway"`
	App        app             `json:"app"` // the requested application; our own member
}

type (
	provider struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	}
	geo struct {
		Country string `json:"country"`
	}
	app struct {
		UID      string `json:"uid"`
		Hostname string `json:"hostname"`
	}
)

// identity returns the identity as JSON. Equal inputs give equal bytes.
func (a *Ask) identity() (json.RawMessage, error) {
	who := identity{AccountID: a.Account.String(), App: app{UID: a.Application.String(), Hostname: a.Host}}
	if a.IP.IsValid() {
		who.IP = a.IP.Unmap().WithZone("").String()
	}
	if a.Device != (proto.ID{}) {
		who.DeviceID = a.Device.String()
	}
	s := a.Session
	who.Email, who.Name, who.UserID, who.AMR, who.IssuedAt = s.Email, s.Name, s.User.String(), s.AMR,
		s.StartedAt.Time().Unix()
	who.IDP = provider{ID: s.IDP.String(), Type: proto.TypeOIDC}
	if len(s.Claims) < maxIdentity/2 {
		who.OIDCFields = s.Claims
	}
	if s.Country != "" {
		who.Geo = &geo{s.Country}
	}
	text, err := json.Marshal(who)
	switch {
	case err != nil:
		return nil, fmt.Errorf("identity for an external evaluation: %w", err)
	case len(text) > maxIdentity:
		return nil, fmt.Errorf("identity for an external evaluation: %d bytes, over the limit of %d", len(text), maxIdentity)
	}
	return text, nil
}
