package access

import (
	"regexp"
	"strings"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/credential"
)

// Bounds of a service token's life (api/README.md 2.2, 2.3). One that is for ever has an expiry all the same:
// clients do not take null.
const (
	defaultTokenDuration = "8760h"
	forever              = "forever"
	tokenForever         = 100 * 8766 * time.Hour
)

// applyServiceToken puts the members of a body into a token and tells whether its version was raised. The
// secret is the caller's.
//
// The expiry is based on now only where the duration becomes another one. Terraform's provider sends the
// duration with every change, so that a rename would otherwise prolong the token unasked; refresh is for that.
func applyServiceToken(t *proto.ServiceToken, body v4.Object, now proto.Millis) (raised bool, err error) {
	if body.Has("name") {
		if t.Name, err = body.Line("name"); err != nil {
			return false, err
		}
	}
	if t.Name == "" {
		return false, v4.Invalid("name must not be empty")
	}
	duration, err := body.Text("duration")
	if err != nil {
		return false, err
	}
	if duration != "" && duration != t.DurationText || t.ExpiresAt == 0 {
		if duration != "" {
			t.DurationText = duration
		}
		if t.Duration, t.ExpiresAt, err = tokenLife(t.DurationText, now); err != nil {
			return false, err
		}
	}
	version, given, err := body.Int("client_secret_version", 0, 1<<31)
	if err != nil {
		return false, err
	}
	given = given && version > 0 // one of the clients sends 0 for none
	// A version below the stored one makes no new secret, and is stored: a client that was told a version beforehand
	// and is not any more sends its default, 1, and the next number that it sends is to make a new secret again.
	raised = given && version > t.Version
	if given {
		t.Version = version
	}
	if err := moveGrace(t, body, now); err != nil {
		return false, err
	}
	if enabled, given, err := body.Bool("enabled"); err != nil {
		return false, err
	} else if given {
		t.Disabled = !enabled
	}
	if t.Disabled {
		endGrace(t, now)
	}
	t.UpdatedAt = now
	return raised, nil
}

// tokenLife reads a service token's duration; a token that is for ever has duration 0.
func tokenLife(text string, now proto.Millis) (time.Duration, proto.Millis, error) {
	if text == forever {
		return 0, now.Add(tokenForever), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > tokenForever {
		return 0, 0, v4.Invalid(`duration must be such as "8760h" or "30m", at least 1s and at most 100 years, or "forever"`)
	}
	return d, now.Add(d), nil
}

const graceMember = "previous_client_secret_expires_at"

// graceEnd reads until when the secret before a rotation counts; absent and null are 0.
func graceEnd(body v4.Object) (proto.Millis, error) {
	text, err := body.Text(graceMember)
	if err != nil || text == "" {
		return 0, err
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, v4.Invalid(graceMember + " must be a time such as 2026-01-02T15:04:05Z")
	}
	return proto.At(at), nil
}

// moveGrace makes the secret before the last rotation end earlier or later, as the body says; null ends it
// now. One that has ended already stays so.
func moveGrace(t *proto.ServiceToken, body v4.Object, now proto.Millis) error {
	until, err := graceEnd(body)
	if _, said := body[graceMember]; err != nil || !said {
		return err
	}
	if t.PreviousUntil <= now || until <= now {
		t.PreviousHash = nil
	}
	t.PreviousUntil = until
	return nil
}

// endGrace voids the secret before the last rotation for good.
func endGrace(t *proto.ServiceToken, now proto.Millis) {
	t.PreviousHash, t.PreviousUntil = nil, min(t.PreviousUntil, now)
}

// newSecret rotates: the secret that is there counts until the body says, or else no more. A token that is
// turned off keeps none.
func newSecret(t *proto.ServiceToken, body v4.Object, now proto.Millis) (string, error) {
	until, err := graceEnd(body)
	if err != nil {
		return "", err
	}
	secret := credential.NewServiceSecret()
	t.PreviousHash, t.PreviousUntil, t.SecretHash = t.SecretHash, until, credential.Hash(secret)
	if t.Disabled || until <= now {
		endGrace(t, now)
	}
	return secret, nil
}

// The forms of secrets that Cloudflare has made (api/README.md 2.4).
var (
	oldSecret = regexp.MustCompile(`^[0-9a-f]{64}$`)
	anySecret = regexp.MustCompile(`^cfast_[0-9A-Za-z]{48}$`)
)

// broughtAlong reads the credentials of a token that exists elsewhere: client_id and client_secret, or the
// same with x_ before. Both are empty where the body has none. Only secrets of the forms that are made by
// machines are taken: a plain hash of a weaker one could be guessed.
func broughtAlong(body v4.Object) (clientID, secret string, err error) {
	for _, prefix := range []string{"x_", ""} {
		if clientID, err = body.Text(prefix + "client_id"); err == nil {
			secret, err = body.Text(prefix + "client_secret")
		}
		if err != nil {
			return "", "", err
		}
		if secret != "" || prefix != "" && clientID != "" {
			break
		}
	}
	if secret == "" && !body.Has("x_client_id") {
		return "", "", nil // what a list showed of a token, sent back
	}
	clientID = strings.ToLower(clientID)
	if _, err := topology.ServiceTokenKey(proto.Account{}, clientID); err != nil {
		return "", "", v4.Invalid("client_id must be 32 hex characters and .access, and come with client_secret")
	}
	if !oldSecret.MatchString(secret) && !anySecret.MatchString(secret) || distinct(secret) < 10 {
		return "", "", v4.Invalid("client_secret must be one that was made at random: 64 lower-case hex characters, or cfast_ and 48 letters and digits")
	}
	return clientID, secret, nil
}

// distinct counts the different characters of a secret. Random ones of the forms that are taken have fewer
// than ten once in many millions.
func distinct(s string) int {
	seen := map[rune]bool{}
	for _, r := range strings.TrimPrefix(s, credential.ServicePrefix) {
		seen[r] = true
	}
	return len(seen)
}
