package securityevent

import (
	"encoding/json"
	"fmt"
	"time"

	"plumbline.dev/proto"
)

// Type is the value of the header typ of every token.
const Type = "secevent+jwt"

// The event types.
const (
	DeviceComplianceChange = "https://schemas.openid.net/secevent/caep/event-type/device-compliance-change"
	Verification           = "https://schemas.openid.net/secevent/ssf/event-type/verification"
	StreamUpdated          = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated"
)

// Supported returns the event types that receivers may request. Every stream has the other two.
func Supported() []string { return []string{DeviceComplianceChange} }

// Stream is a stream, and the account whose events it has.
type Stream struct {
	Account proto.Account
	ID      proto.ID
	*proto.SecurityStream
}

// Token is a token that is not signed yet.
type Token struct {
	JTI     string
	ID      proto.ID // the same as JTI
	At      time.Time
	Event   string // its type
	Payload []byte // JSON
}

// claims are the claims of a token, in the order in which they are written.
type claims struct {
	Issuer   string         `json:"iss"`
	JTI      string         `json:"jti"`
	IssuedAt int64          `json:"iat"`
	Audience any            `json:"aud"`
	TXN      string         `json:"txn,omitempty"`
	Subject  any            `json:"sub_id"`
	Events   map[string]any `json:"events"`
}

// token returns a token. parts identify it within the account, and txn what several tokens have in common.
func (s Stream) token(at time.Time, parts, txn, kind string, subject, event any) (Token, error) {
	id := proto.DeriveID(s.Account, "set "+s.ID.String()+" "+parts)
	t := Token{ID: id, JTI: id.String(), At: at.UTC(), Event: kind}
	c := claims{Issuer: s.Issuer, JTI: t.JTI, IssuedAt: at.Unix(), Audience: s.Audience, Subject: subject,
		Events: map[string]any{kind: event}}
	if len(s.Audience) == 1 {
		c.Audience = s.Audience[0]
	}
	if txn != "" {
		c.TXN = proto.DeriveID(s.Account, "txn "+txn).String()
	}
	var err error
	if t.Payload, err = json.Marshal(c); err != nil {
		return t, fmt.Errorf("security event token: %w", err)
	}
	return t, nil
}
