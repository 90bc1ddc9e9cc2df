package signing

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"filippo.io/age"
	"plumbline.dev/proto"
	"plumbline.dev/proto/entrysign"
	"plumbline.dev/services/internal/seal"
)

// A sealed key begins with one of these bytes.
const (
	privateKey byte = 1 // a seed follows
	publicKey  byte = 2
)

// key is one of the keys.
type key struct {
	public             ed25519.PublicKey
	signer             *entrysign.Signer // nil if the key is retired
	createdAt, retired proto.Millis
}

// generate creates a key and returns its record.
func generate(now time.Time, to []age.Recipient) (*proto.EntryKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("create a key for entries: %w", err)
	}
	plain := append([]byte{privateKey}, private.Seed()...)
	defer clear(plain)
	return sealed(public, plain, to, &proto.EntryKey{CreatedAt: proto.At(now)})
}

// retire returns the record of a key without its private half.
func (k *key) retire(now time.Time, to []age.Recipient) (*proto.EntryKey, error) {
	plain := append([]byte{publicKey}, k.public...)
	return sealed(k.public, plain, to, &proto.EntryKey{CreatedAt: k.createdAt, RetiredAt: proto.At(now)})
}

func sealed(public ed25519.PublicKey, plain []byte, to []age.Recipient, r *proto.EntryKey) (*proto.EntryKey, error) {
	var err error
	r.KID = entrysign.KeyID(public)
	if r.Sealed, err = seal.Seal(to, r.KID, plain); err != nil {
		return nil, fmt.Errorf("key for entries: %w", err)
	}
	return r, nil
}

// open decrypts a record. It trusts only what the encrypted part proves.
func open(r *proto.EntryKey, identities []age.Identity) (*key, error) {
	plain, err := seal.Open(identities, r.KID, r.Sealed)
	if err != nil {
		return nil, fmt.Errorf("key for entries: %w", err)
	}
	defer clear(plain)
	k := &key{createdAt: r.CreatedAt, retired: r.RetiredAt}
	switch {
	case len(plain) == 1+ed25519.SeedSize && plain[0] == privateKey:
		k.signer = entrysign.NewSigner(ed25519.NewKeyFromSeed(plain[1:]))
		k.public, k.retired = k.signer.Public(), 0
	case len(plain) == 1+ed25519.PublicKeySize && plain[0] == publicKey:
		k.public = append(k.public, plain[1:]...)
	default:
		return nil, errors.New("key for entries: the sealed part is not a key")
	}
	if entrysign.KeyID(k.public) != r.KID {
		return nil, errors.New("key for entries: the record contains another key")
	}
	return k, nil
}
