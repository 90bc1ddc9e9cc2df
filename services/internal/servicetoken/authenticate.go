package servicetoken

import (
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/credential"
	"plumbline.dev/services/internal/policy"
)

// Authenticate tells whether a secret is that of a service token that may be used now; where it is not, why
// not. A token that does not exist, nil, costs the same work as one whose secret is wrong. Only who has the
// secret is told that a token is turned off or has expired. The secret before the last rotation counts
// until its grace period ends (api/README.md 2.5).
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

// Expired tells whether a token's life is over.
func Expired(t *proto.ServiceToken, now time.Time) bool {
	return t.ExpiresAt != 0 && !now.Before(t.ExpiresAt.Time())
}

// Answered is the reason as the sender of credentials may know it: whether a Client ID exists is not for
// those who do not have its secret.
func Answered(r policy.Reason) policy.Reason {
	if r == policy.WrongSecret {
		return policy.UnknownCredentials
	}
	return r
}
