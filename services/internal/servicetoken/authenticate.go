package servicetoken

import (
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/credential"
	"plumbline.dev/services/internal/policy"
)

// Authenticate verifies a secret of a service token, and returns the reason if it fails. A missing token, nil, costs
// the same work as a wrong secret. Only a client with the right secret learns that a token is disabled or expired.
// The secret from before the last rotation is valid until its grace period ends (api/README.md 2.5).
func Authenticate(secret string, t *proto.ServiceToken, now time.Time) (why policy.Reason, ok bool) {
	var current, previous []byte
	if t != nil {
		current = t.SecretHash
		if now.Before(t.PreviousUntil.Time()) {
			previous = t.PreviousHash
		}
	}
	hash := credential.Hash(secret)
	right, before := credential.Equal(hash, current), credential.Equal(hash, previous)
	switch {
	case t == nil:
		return policy.UnknownCredentials, false
	case !right && !before:
		return policy.WrongSecret, false
	case t.Disabled:
		return policy.TokenDisabled, false
	case Expired(t, now):
		return policy.TokenExpired, false
	}
	return policy.Undecided, true
}

// Expired reports whether a token has expired.
func Expired(t *proto.ServiceToken, now time.Time) bool {
	return t.ExpiresAt != 0 && !now.Before(t.ExpiresAt.Time())
}

// Answered returns the reason to report to the sender of credentials, which hides the existence of a Client ID from
// clients without its secret.
func Answered(r policy.Reason) policy.Reason {
	if r == policy.WrongSecret {
		return policy.UnknownCredentials
	}
	return r
}
