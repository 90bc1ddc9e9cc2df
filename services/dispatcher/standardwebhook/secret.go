package standardwebhook

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// Prefix begins the text of every secret.
const Prefix = "whsec_"

// Bounds of a secret's length, in bytes.
const (
	minSecret = 24
	maxSecret = 64
	newSecret = 32
)

// Secret is the key of signatures. Its text is not printed by fmt or slog.
type Secret struct{ key []byte }

var errSecret = errors.New("the secret is not of the form whsec_ and base64 of 24 to 64 bytes")

// NewSecret returns a random secret.
func NewSecret() Secret {
	s := Secret{make([]byte, newSecret)}
	_, _ = rand.Read(s.key) // never fails
	return s
}

// ParseSecret parses the text of a secret. The error does not contain the text.
func ParseSecret(text string) (Secret, error) {
	encoded, ok := strings.CutPrefix(text, Prefix)
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	s := Secret{key}
	// The decoder skips line breaks.
	if !ok || err != nil || len(key) < minSecret || len(key) > maxSecret || s.Reveal() != text {
		return Secret{}, errSecret
	}
	return s, nil
}

// Reveal returns the text of the secret.
func (s Secret) Reveal() string { return Prefix + base64.StdEncoding.EncodeToString(s.key) }

// Format implements [fmt.Formatter] and hides the secret.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Prefix + "...")) }

// LogValue implements [slog.LogValuer] and hides the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(Prefix + "...") }
