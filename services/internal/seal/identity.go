package seal

import (
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"
)

// NewIdentity returns a new identity and its recipient, both in age's text form. The identity is a secret; the
// recipient is not.
func NewIdentity() (identity, recipient string, err error) {
	i, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", fmt.Errorf("make an age identity: %w", err)
	}
	return i.String(), i.Recipient().String(), nil
}

// ParseIdentities parses X25519 identities as written by age-keygen: AGE-SECRET-KEY-1..., separated by white space or
// commas; lines beginning with # are comments. At least one is required.
func ParseIdentities(text string) ([]age.Identity, error) {
	var all []age.Identity
	err := each(text, func(word string) bool {
		i, err := age.ParseX25519Identity(word)
		if err == nil {
			all = append(all, i)
		}
		return err == nil
	})
	if err != nil {
		// The parser's own error may quote its input.
		return nil, fmt.Errorf("age identities: %w; write them as age-keygen does", err)
	}
	return all, nil
}

// ParseRecipients parses X25519 recipients, age1..., separated as identities are.
func ParseRecipients(text string) ([]age.Recipient, error) {
	var all []age.Recipient
	err := each(text, func(word string) bool {
		r, err := age.ParseX25519Recipient(word)
		if err == nil {
			all = append(all, r)
		}
		return err == nil
	})
	if err != nil {
		// The input may be an identity, given by mistake, and must not reach a log.
		return nil, fmt.Errorf("age recipients: %w; write them as age-keygen -y does", err)
	}
	return all, nil
}

// RecipientsOf returns the recipients of identities, for encrypting to oneself.
func RecipientsOf(identities []age.Identity) ([]age.Recipient, error) {
	all := make([]age.Recipient, 0, len(identities))
	for n, i := range identities {
		x, ok := i.(*age.X25519Identity)
		if !ok {
			return nil, fmt.Errorf("age identity %d is not an X25519 identity", n+1)
		}
		all = append(all, x.Recipient())
	}
	if len(all) == 0 {
		return nil, errors.New("there is no age identity")
	}
	return all, nil
}

// each calls read with every word outside of comments.
func each(text string, read func(word string) bool) error {
	words := 0
	for n, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for word := range strings.FieldsFuncSeq(line,
			func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\r' }) {
			if words++; !read(word) {
				return fmt.Errorf("line %d cannot be read", n+1)
			}
		}
	}
	if words == 0 {
		return errors.New("there is none")
	}
	return nil
}
