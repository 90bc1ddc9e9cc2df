package exchange

import (
	"encoding/json"
	"time"

	"plumbline.dev/services/internal/claims"
)

// serviceClaims are the claims of a service's application token (api/README.md 8.3). aud is a plain string, as measured
// at Cloudflare for service tokens; verifiers accept both a string and an array.
type serviceClaims struct {
	Type       string `json:"type"`
	Audience   string `json:"aud"`
	Expires    int64  `json:"exp"`
	IssuedAt   int64  `json:"iat"`
	Issuer     string `json:"iss"`
	CommonName string `json:"common_name"` // the Client ID; in an anonymous token the certificate's common name, or empty
	Subject    string `json:"sub"`         // always empty
}

// userClaims are the claims of a person's token (api/README.md 8.3), for an application or for the global session.
type userClaims struct {
	Type      string          `json:"type"`
	Audience  []string        `json:"aud"`
	Expires   int64           `json:"exp"`
	IssuedAt  int64           `json:"iat"`
	NotBefore int64           `json:"nbf"`
	Issuer    string          `json:"iss"`
	Subject   string          `json:"sub"`
	Email     string          `json:"email"`
	Nonce     string          `json:"identity_nonce"`
	Country   string          `json:"country,omitempty"`
	Custom    json.RawMessage `json:"custom,omitempty"`
}

// metaClaims accompany the redirect to the login (api/README.md 8.5). Like those of a match they have no issuer, so
// that no verifier accepts them as an application token.
type metaClaims struct {
	Type               string    `json:"type"`
	Audience           string    `json:"aud"`
	Hostname           string    `json:"hostname"`
	RedirectURL        string    `json:"redirect_url"`
	ServiceTokenStatus bool      `json:"service_token_status"`
	IsWARP             bool      `json:"is_warp"`
	IsGateway          bool      `json:"is_gateway"`
	IssuedAt           int64     `json:"iat"`
	NotBefore          int64     `json:"nbf"`
	Expires            int64     `json:"exp"`
	AuthStatus         string    `json:"auth_status"`
	MTLS               mtlsClaim `json:"mtls_auth"`
}

// mtlsClaim is always empty: the login does not depend on a client certificate.
type mtlsClaim struct {
	IssuerSKI  string `json:"cert_issuer_ski"`
	Presented  bool   `json:"cert_presented"`
	Serial     string `json:"cert_serial"`
	IssuerDN   string `json:"cert_issuer_dn"`
	AuthStatus string `json:"auth_status"`
}

// matchClaims tell a command line client which application protects a host (api/README.md 8.8).
type matchClaims struct {
	Type        string `json:"type"`
	Audience    string `json:"aud"` // a string: clients reject an array
	Hostname    string `json:"hostname"`
	AuthDomain  string `json:"auth_domain"`
	AppHostname string `json:"app_hostname"`
	IssuedAt    int64  `json:"iat"`
}

// externalClaims are the question of an external evaluation (api/README.md 4.3).
type externalClaims struct {
	Type      string          `json:"type"`
	Issuer    string          `json:"iss"`
	Audience  []string        `json:"aud"`
	IssuedAt  int64           `json:"iat"`
	NotBefore int64           `json:"nbf"`
	Expires   int64           `json:"exp"`
	Identity  json.RawMessage `json:"identity"`
	Nonce     string          `json:"nonce"`
}

const (
	metaLife     = 5 * time.Minute
	externalLife = time.Minute
	noAuth       = "NONE"
)

func newServiceClaims(issuer string, g *grant, at, expires time.Time) *serviceClaims {
	return &serviceClaims{Type: claims.TypeApp, Audience: g.audience, Expires: expires.Unix(), IssuedAt: at.Unix(),
		Issuer: issuer, CommonName: g.clientID}
}
