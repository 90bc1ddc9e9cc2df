package exchange

import (
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/credential"
	"plumbline.dev/services/internal/policy"
)

// authenticate tells whether a secret is that of a service token that may be used now; where it is not, why
// not. A token that does not exist, nil, costs the same work as one whose secret is wrong. Only who has the
// secret is told that a token is turned off or has expired.
func authenticate(secret string, t *proto.ServiceToken, now time.Time) (why policy.Reason, ok bool) {
	var hash []byte
	if t != nil {
		hash = t.SecretHash
	}
	right := credential.Matches(secret, hash)
	switch {
	case t == nil:
		return policy.UnknownCredentials, false
	case !right:
		return policy.WrongSecret, false
	case t.Disabled:
		return policy.TokenDisabled, false
	case expired(t, now):
		return policy.TokenExpired, false
	}
	return policy.Undecided, right
}

func expired(t *proto.ServiceToken, now time.Time) bool {
	return t.ExpiresAt != 0 && !now.Before(t.ExpiresAt.Time())
}

// answered is the reason as the sender of credentials may know it: whether a Client ID exists is not for
// those who do not have its secret.
func answered(r policy.Reason) policy.Reason {
	if r == policy.WrongSecret {
		return policy.UnknownCredentials
	}
	return r
}
