package external

import (
	"bytes"
	"context"
	"crypto/subtle"
	"math"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// skew is the tolerance for an endpoint's clock.
const skew = 30 * time.Second

// claims are the claims of an answer. Other claims are ignored.
type claims struct {
	Success *bool    `json:"success"`
	Expires *float64 `json:"exp"`
	Issued  *float64 `json:"iat"`
	Nonce   string   `json:"nonce"`
}

// read verifies an answer: signed by a published key, still valid, and with the nonce of the question.
func (e *Evaluator) read(ctx context.Context, keysURL, nonce string,
	text []byte) (verdict bool, until time.Time, err error) {
	var body envelope
	if json.Unmarshal(text, &body) != nil || body.Token == "" {
		return false, time.Time{}, failf(badAnswer, `the answer is not of the form {"token": "..."}`)
	}
	signed, err := jose.ParseSignedCompact(body.Token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return false, time.Time{}, failf(badAnswer, "the answer's token is not a compact JWT signed with RS256")
	}
	key, err := e.keys.key(ctx, keysURL, signed.Signatures[0].Protected.KeyID)
	if err != nil {
		return false, time.Time{}, err
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return false, time.Time{}, failf(badAnswer, "the answer's token is not signed by the key named in its kid")
	}
	var c claims
	if json.UnmarshalRead(bytes.NewReader(payload), &c) != nil || c.Success == nil || c.Expires == nil {
		return false, time.Time{}, failf(badAnswer, "the answer's token lacks success, a boolean, or exp, a number")
	}
	now := e.clock.Now()
	until, ok := instant(*c.Expires)
	switch {
	case !ok || !now.Before(until.Add(skew)):
		return false, time.Time{}, failf(badAnswer, "the answer's token has expired")
	case subtle.ConstantTimeCompare([]byte(c.Nonce), []byte(nonce)) != 1:
		return false, time.Time{}, failf(badAnswer, "the answer's nonce does not match the question")
	}
	if c.Issued != nil {
		if at, ok := instant(*c.Issued); !ok || at.After(now.Add(skew)) {
			return false, time.Time{}, failf(badAnswer, "the answer's token was made in the future")
		}
	}
	return *c.Success, until, nil
}

// instant converts a NumericDate (RFC 7519, 2). ok is false for implausible values.
func instant(seconds float64) (time.Time, bool) {
	if math.IsNaN(seconds) || seconds < 0 || seconds > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}
