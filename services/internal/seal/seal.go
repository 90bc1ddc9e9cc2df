// Package seal encrypts a secret for storage so that only one service can decrypt it.
//
// A secret is encrypted with age to the X25519 recipients of that service. With several recipients, an identity can
// be replaced without an interruption. The label identifies the secret's record and is encrypted with it, so a sealed
// secret moved to another record cannot be opened there.
//
// Errors of this package contain no part of a secret or an identity.
package seal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
)

// Limits of sealed data, in bytes. A 4,096-bit private key takes 2.5 KiB.
const (
	MaxSecret = 64 << 10
	MaxLabel  = 256
)

var (
	// ErrNotForUs is returned by [Open] if none of the identities is among the recipients.
	ErrNotForUs = errors.New("the secret is sealed to other identities: start the service with the right identity, " +
		"or enter the secret again")
	// ErrLabel is returned by [Open] if the secret belongs to another record.
	ErrLabel = errors.New("the sealed secret belongs to another record: enter the secret again")
	// ErrDamaged is returned by [Open] if the sealed bytes are truncated or altered.
	ErrDamaged = errors.New("the sealed secret is damaged: enter the secret again")
)

// magic begins the plaintext, to distinguish it from files encrypted to the same recipient with the age command line.
const magic = "plumbline sealed 1\x00"

// Seal encrypts a secret to all recipients under a label, which must not be empty. Each call returns different bytes.
func Seal(recipients []age.Recipient, label string, secret []byte) ([]byte, error) {
	switch {
	case len(recipients) == 0:
		return nil, errors.New("seal: there is no recipient to seal to")
	case label == "" || len(label) > MaxLabel:
		return nil, fmt.Errorf("seal: a label of %d bytes, 1 to %d expected", len(label), MaxLabel)
	case len(secret) > MaxSecret:
		return nil, fmt.Errorf("seal %s: a secret of %d bytes, at most %d expected", label, len(secret), MaxSecret)
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, recipients...)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", label, err)
	}
	if _, err := w.Write(frame(label, secret)); err != nil {
		return nil, fmt.Errorf("seal %s: %w", label, err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("seal %s: %w", label, err)
	}
	return out.Bytes(), nil
}

// Open decrypts the result of Seal. Its errors are [ErrNotForUs], [ErrLabel] and [ErrDamaged].
func Open(identities []age.Identity, label string, sealed []byte) ([]byte, error) {
	if len(identities) == 0 {
		return nil, fmt.Errorf("open %s: %w", label, ErrNotForUs)
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), identities...)
	if err != nil {
		var foreign *age.NoIdentityMatchError
		if errors.As(err, &foreign) {
			return nil, fmt.Errorf("open %s: %w", label, ErrNotForUs)
		}
		return nil, fmt.Errorf("open %s: %w", label, ErrDamaged)
	}
	// Only reading to the end proves that nothing is truncated.
	plain, err := io.ReadAll(io.LimitReader(r, int64(len(magic)+2+MaxLabel+MaxSecret)+1))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", label, ErrDamaged)
	}
	inside, secret, ok := unframe(plain)
	switch {
	case !ok:
		return nil, fmt.Errorf("open %s: %w", label, ErrDamaged)
	case inside != label:
		return nil, fmt.Errorf("open %s: %w", label, ErrLabel)
	}
	return secret, nil
}

func frame(label string, secret []byte) []byte {
	b := make([]byte, 0, len(magic)+2+len(label)+len(secret))
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(label)))
	b = append(b, label...)
	return append(b, secret...)
}

func unframe(b []byte) (label string, secret []byte, ok bool) {
	b, ok = bytes.CutPrefix(b, []byte(magic))
	if !ok || len(b) < 2 {
		return "", nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	b = b[2:]
	if n > MaxLabel || len(b) < n || len(b)-n > MaxSecret {
		return "", nil, false
	}
	return string(b[:n]), b[n:], true
}
