package servicetoken

import (
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/credential"
	"plumbline.dev/services/internal/policy"
)

func TestAuthenticate(t *testing.T) {
	now, secret := time.UnixMilli(1_800_000_000_000), credential.NewServiceSecret()
	good := proto.ServiceToken{SecretHash: credential.Hash(secret), ExpiresAt: proto.At(now) + 1}
	with := func(change func(*proto.ServiceToken)) *proto.ServiceToken {
		t := good
		change(&t)
		return &t
	}
	for _, c := range []struct {
		name   string
		secret string
		token  *proto.ServiceToken
		want   policy.Reason
		ok     bool
	}{
		{"right", secret, &good, policy.Undecided, true},
		{"never expires", secret, with(func(t *proto.ServiceToken) { t.ExpiresAt = 0 }), policy.Undecided, true},
		{"no such token", secret, nil, policy.UnknownCredentials, false},
		{"wrong", secret + "x", &good, policy.WrongSecret, false},
		{"empty", "", &good, policy.WrongSecret, false},
		{"no hash", "", with(func(t *proto.ServiceToken) { t.SecretHash = nil }), policy.WrongSecret, false},
		{"disabled", secret, with(func(t *proto.ServiceToken) { t.Disabled = true }), policy.TokenDisabled, false},
		{"expires now", secret, with(func(t *proto.ServiceToken) { t.ExpiresAt = proto.At(now) }), policy.TokenExpired, false},
		{"before the rotation", "old", with(func(t *proto.ServiceToken) {
			t.PreviousHash, t.PreviousUntil = credential.Hash("old"), proto.At(now)+1
		}), policy.Undecided, true},
		{"grace is over", "old", with(func(t *proto.ServiceToken) {
			t.PreviousHash, t.PreviousUntil = credential.Hash("old"), proto.At(now)
		}), policy.WrongSecret, false},
		{"disabled in its grace", "old", with(func(t *proto.ServiceToken) {
			t.PreviousHash, t.PreviousUntil, t.Disabled = credential.Hash("old"), proto.At(now)+1, true
		}), policy.TokenDisabled, false},
		{"no previous secret", "", with(func(t *proto.ServiceToken) { t.PreviousUntil = proto.At(now) + 1 }), policy.WrongSecret, false},
		{"wrong and disabled", "x", with(func(t *proto.ServiceToken) { t.Disabled = true }), policy.WrongSecret, false},
		{"wrong and expired", "x", with(func(t *proto.ServiceToken) { t.ExpiresAt = 1 }), policy.WrongSecret, false},
	} {
		if why, ok := Authenticate(c.secret, c.token, now); why != c.want || ok != c.ok {
			t.Errorf("%s: %s, %t", c.name, why, ok)
		}
	}
}
