package servicetoken

import (
	"regexp"
	"strings"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/credential"
)

// Bounds of a service token's lifetime (api/README.md 2.2, 2.3). A token that lasts forever has an expiry too, since
// clients do not accept null.
const (
	defaultTokenDuration = "8760h"
	forever              = "forever"
	tokenForever         = 100 * 8766 * time.Hour
)

// applyServiceToken applies a request body to a token and reports whether its version was raised. The caller creates
// the new secret.
//
// The expiry changes only if the duration does. Terraform's provider sends the duration with every change, so a rename
// would otherwise extend the token; refresh exists for that.
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
	given = given && version > 0 // one client sends 0 for none
	// A version below the stored one creates no new secret, but is stored: after the version was removed from its
	// configuration, a client sends the default, 1, and the next number it sends must create a new secret.
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

// tokenLife parses a service token's duration. A token that lasts forever has duration 0.
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

// graceEnd reads the time at which the secret from before a rotation expires, or 0 if absent or null.
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

// moveGrace changes when the previous secret expires; null revokes it at once. A secret that has expired cannot be
// revived.
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

// endGrace revokes the previous secret for good.
func endGrace(t *proto.ServiceToken, now proto.Millis) {
	t.PreviousHash, t.PreviousUntil = nil, min(t.PreviousUntil, now)
}

// newSecret rotates the secret and returns the new one. The old secret is valid until the time in the body, or revoked
// at once if there is none or the token is disabled.
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

// Formats of the secrets that Cloudflare generates (api/README.md 2.4).
var (
	oldSecret = regexp.MustCompile(`^[0-9a-f]{64}$`)
	anySecret = regexp.MustCompile(`^cfast_[0-9A-Za-z]{48}$`)
)

// importedCredentials reads the credentials of a token that is in use elsewhere: client_id and client_secret, with or
// without the prefix x_. Both are empty if the body has none. Only machine-made formats are accepted: the plain hash of
// a weaker secret could be guessed.
func importedCredentials(body v4.Object) (clientID, secret string, err error) {
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
		return "", "", nil // the client sent back what a list returned
	}
	clientID = strings.ToLower(clientID)
	if _, err := topology.ServiceTokenKey(proto.Account{}, clientID); err != nil {
		return "", "", v4.Invalid("client_id must be 32 hex characters followed by .access, and needs client_secret")
	}
	if !oldSecret.MatchString(secret) && !anySecret.MatchString(secret) || distinct(secret) < 10 {
		return "", "", v4.Invalid("client_secret must be randomly generated: 64 lower-case hex characters, or cfast_ and " +
			"48 letters and digits")
	}
	return clientID, secret, nil
}

// distinct counts the different characters of a secret. A random secret of an accepted format has fewer than ten once
// in many millions.
func distinct(s string) int {
	seen := map[rune]bool{}
	for _, r := range strings.TrimPrefix(s, credential.ServicePrefix) {
		seen[r] = true
	}
	return len(seen)
}
