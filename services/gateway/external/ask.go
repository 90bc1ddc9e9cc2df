package external

import (
	"encoding/json"
	"fmt"
	"net/netip"

	"plumbline.dev/proto"
)

// maxIdentity bounds what an endpoint is told about somebody, in bytes.
const maxIdentity = 16 << 10

// Ask is about whom, and about what, an endpoint is asked.
type Ask struct {
	Account     proto.Account
	Application proto.ID
	Host        string         // that was asked for
	Session     *proto.Session // the person's login; nil: nobody's, and nothing is asked
	Device      proto.ID       // behind the request; zero: not known
	IP          netip.Addr     // of the request; the zero Addr: not known
}

// identity is the identity claim. Its names are those of /cdn-cgi/access/get-identity (api/README.md 8.7),
// where Cloudflare's documentation sends those who write an endpoint.
type identity struct {
	AccountID  string          `json:"account_id"`
	Email      string          `json:"email"`
	Name       string          `json:"name,omitempty"`
	UserID     string          `json:"user_uuid"`
	IDP        provider        `json:"idp"`
	AMR        []string        `json:"amr,omitempty"`
	OIDCFields json.RawMessage `json:"oidc_fields,omitempty"`
	IssuedAt   int64           `json:"iat"` // when the session began
	Geo        *geo            `json:"geo,omitempty"`
	IP         string          `json:"ip,omitempty"`
	DeviceID   string          `json:"device_id,omitempty"`
	IsWARP     bool            `json:"is_warp"`
	IsGateway  bool            `json:"is_gateway"`
	App        app             `json:"app"` // what was asked for: ours
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

// identity is what the endpoint is told, as JSON: the same bytes for the same circumstances.
func (a *Ask) identity() (json.RawMessage, error) {
	who := identity{AccountID: a.Account.String(), App: app{UID: a.Application.String(), Hostname: a.Host}}
	if a.IP.IsValid() {
		who.IP = a.IP.Unmap().WithZone("").String()
	}
	if a.Device != (proto.ID{}) {
		who.DeviceID = a.Device.String()
	}
	s := a.Session
	who.Email, who.Name, who.UserID, who.AMR, who.IssuedAt = s.Email, s.Name, s.User.String(), s.AMR, s.StartedAt.Time().Unix()
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
		return nil, fmt.Errorf("identity for an external evaluation: %d bytes, which is more than %d", len(text), maxIdentity)
	}
	return text, nil
}
