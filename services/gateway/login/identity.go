package login

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/gateway/page"
	"plumbline.dev/services/internal/keycache"
	"plumbline.dev/services/internal/policy"
)

// identity serves /cdn-cgi/access/get-identity: the person and the device of the browser's session (api/README.md 8.7).
// Without a session the response is a 401 with an error.
func (v *request) identity(context.Context) *gate.Response {
	s, c, ok := v.who()
	if !ok {
		return v.json(http.StatusUnauthorized, struct {
			Error *proto.Error `json:"error"`
		}{policy.LoginRequired.Refusal()})
	}
	return v.json(http.StatusOK, v.describe(s, c))
}

// who returns the session of the browser. If its cookies name several people, another host of the same site may have
// set one, and the identity is ambiguous.
func (v *request) who() (found heldSession, claims *keycache.Claims, ok bool) {
	for _, token := range cookies(v.Header, cookieToken) {
		var s heldSession
		var c *keycache.Claims
		var good bool
		if v.atTeam {
			s, c, good = v.globalOf(token)
			_, known := v.catalog.IdentityProvider(s.account, s.provider())
			good = good && known
		} else {
			var app gate.Application
			s, app, c, good = v.sessionOf(token)
			good = good && v.catalog.TakesLogins(app, s.IDP)
		}
		switch {
		case !good:
		case ok && (s.User != found.User || s.account != found.account):
			return heldSession{}, nil, false
		case !ok || c.IssuedAt.After(claims.IssuedAt):
			found, claims, ok = s, c, true
		}
	}
	return found, claims, ok
}

// whoami is the response (api/README.md 7.4, 8.7).
type whoami struct {
	ID                 string                 `json:"id"`
	Name               string                 `json:"name"`
	Email              string                 `json:"email"`
	AMR                []string               `json:"amr"`
	IDP                loginMethod            `json:"idp"`
	Geo                geo                    `json:"geo"`
	UserUUID           string                 `json:"user_uuid"`
	AccountID          string                 `json:"account_id"`
	IssuedAt           int64                  `json:"iat"`
	IP                 string                 `json:"ip"`
	AuthStatus         string                 `json:"auth_status"`
	CommonName         string                 `json:"common_name"`
	ServiceTokenID     string                 `json:"service_token_id"`
	ServiceTokenStatus bool                   `json:"service_token_status"`
	IsWARP             bool                   `json:"is_warp"`
	IsGateway          bool                   `json:"is_gateway"`
	GatewayAccountID   string                 `json:"gateway_account_id"`
	DeviceID           string                 `json:"device_id"`
	DeviceSessions     map[string]lastSession `json:"device_sessions"`
	DevicePosture      map[string]posture     `json:"devicePosture"`
	MTLS               mtls                   `json:"mtls_auth"`
	Version            int                    `json:"version"`
	OIDCFields         json.RawMessage        `json:"oidc_fields,omitempty"`
}

type loginMethod struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

type geo struct {
	Country string `json:"country"`
}

type lastSession struct {
	LastAuthenticated int64 `json:"last_authenticated"`
}

type mtls struct {
	Status    string `json:"auth_status"`
	IssuerDN  string `json:"cert_issuer_dn"`
	IssuerSKI string `json:"cert_issuer_ski"`
	Presented bool   `json:"cert_presented"`
	Serial    string `json:"cert_serial"`
}

type posture struct {
	ID          string       `json:"id"`
	Check       postureCheck `json:"check"`
	Data        struct{}     `json:"data"`
	Description string       `json:"description"`
	Error       string       `json:"error"`
	RuleName    string       `json:"rule_name"`
	Success     bool         `json:"success"`
	Timestamp   string       `json:"timestamp"`
	Type        string       `json:"type"`
}

type postureCheck struct {
	Exists bool   `json:"exists"`
	Path   string `json:"path"`
}

// version is the version of this response format.
const version = 2

func (v *request) describe(s heldSession, c *keycache.Claims) *whoami {
	w := &whoami{
		ID: s.User.String(), Name: s.Name, Email: s.Email, AMR: s.AMR, IDP: loginMethod{s.IDP.String(), proto.TypeOIDC},
		Geo: geo{s.Country}, UserUUID: s.User.String(), AccountID: s.account.String(), IssuedAt: c.IssuedAt.Unix(),
		IP: v.ip(), AuthStatus: "NONE", DeviceSessions: map[string]lastSession{}, DevicePosture: map[string]posture{},
		MTLS: mtls{Status: "NONE"}, Version: version,
	}
	if r, ok := v.catalog.IdentityProvider(s.account, s.IDP); ok {
		w.OIDCFields = custom(s.Claims, r.Value.Claims)
	}
	if cert := v.Certificate; cert != nil {
		w.MTLS = mtls{Status: "SUCCESS", IssuerDN: cert.Issuer.String(), Presented: true, Serial: cert.SerialNumber.Text(16)}
		w.CommonName = cert.Subject.CommonName
	}
	device, ok := v.devices.Behind(s.account, v.Peer, v.Certificate)
	if !ok {
		return w
	}
	w.DeviceID = device.String()
	w.DeviceSessions[w.DeviceID] = lastSession{s.StartedAt.Time().Unix()}
	for _, check := range v.catalog.ChecksOf(s.account) {
		if check.Value.Type == proto.TypeCustomS2S {
			w.DevicePosture[check.Value.ID.String()] = v.postureOf(s.account, device, check.Value)
		}
	}
	return w
}

func (v *request) postureOf(account proto.Account, device proto.ID, check *proto.Check) posture {
	found := v.devices.Posture(account, device, check.ID)
	p := posture{ID: check.ID.String(), Check: postureCheck{Exists: true}, RuleName: check.Name, Type: check.Type,
		Success: found.Outcome == proto.OutcomePass}
	if found.Outcome == proto.OutcomeUnknown {
		p.Error = found.Reason.String()
	}
	if !found.LookedAt.IsZero() {
		p.Timestamp = found.LookedAt.UTC().Format(time.RFC3339)
	}
	return p
}

func (v *request) json(status int, body any) *gate.Response {
	b, err := json.Marshal(body)
	if err != nil {
		v.log.Error("failed to encode an identity", "ray", v.ray, "err", err)
		return v.plain(http.StatusInternalServerError, "The identity cannot be encoded.")
	}
	b = append(b, '\n')
	return &gate.Response{Status: status, Body: b, Header: http.Header{
		"Content-Type":           {"application/json; charset=utf-8"},
		"Content-Length":         {strconv.Itoa(len(b))},
		"Cache-Control":          {page.NoStore},
		"X-Content-Type-Options": {"nosniff"},
		"Cf-Ray":                 {v.ray},
	}}
}
