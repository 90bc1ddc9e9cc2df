package entrysign

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"plumbline.dev/proto"
)

// The errors of [Verify]. An error may wrap one of them with details.
var (
	ErrUnsigned   = errors.New("the entry has no signature")
	ErrMalformed  = errors.New("the signature is malformed")
	ErrAlgorithm  = errors.New("the signature's algorithm is not accepted")
	ErrUnknownKey = errors.New("the signature's key is not among the public keys")
	ErrForged     = errors.New("the signature does not match the payload")
	ErrMoved      = errors.New("the entry was signed for another subject")
	ErrHeaders    = errors.New("headers of the entry were changed")
	ErrTick       = errors.New("the entry's tick is not the signed one")
)

// maxSignature bounds the length of a signature header.
const maxSignature = 4096

// Verify checks the signature of a message by itself and returns its protected header. [Chain] checks the order of
// entries.
func Verify(keys Keys, subject string, headers map[string][]string, payload []byte) (Header, error) {
	h, protected, signature, err := parse(headers)
	if err != nil {
		return Header{}, err
	}
	public, ok := keys[h.KID]
	if !ok {
		return Header{}, fmt.Errorf("%w: %.64q", ErrUnknownKey, h.KID)
	}
	if !validSignature(public, protected, payload, signature) {
		return Header{}, ErrForged
	}
	schema := headers[proto.HeaderSchema]
	switch tick, err := proto.EntryTick(payload); {
	case h.Subject != subject:
		return Header{}, fmt.Errorf("%w: %.200q", ErrMoved, h.Subject)
	case len(schema) != 1 || schema[0] != h.Schema, HeadersDigest(headers) != h.Headers:
		return Header{}, ErrHeaders
	case err != nil || tick != h.Tick:
		return Header{}, ErrTick
	}
	return h, nil
}

// KeyOf returns the key id in a message's signature without checking it, or "".
func KeyOf(headers map[string][]string) string {
	h, _, _, err := parse(headers)
	if err != nil {
		return ""
	}
	return h.KID
}

// parse parses the signature of a message.
func parse(headers map[string][]string) (h Header, protected string, signature []byte, err error) {
	values := headers[proto.HeaderSignature]
	if len(values) == 0 {
		return h, "", nil, ErrUnsigned
	}
	if len(values) > 1 || len(values[0]) > maxSignature {
		return h, "", nil, ErrMalformed
	}
	parts := strings.Split(values[0], ".")
	if len(parts) != 3 || parts[1] != "" {
		return h, "", nil, ErrMalformed
	}
	text, err1 := base64.RawURLEncoding.Strict().DecodeString(parts[0])
	signature, err2 := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err := errors.Join(err1, err2); err != nil {
		return h, "", nil, ErrMalformed
	}
	h.B64 = true // its default (RFC 7797)
	if err := json.Unmarshal(text, &h); err != nil {
		return h, "", nil, ErrMalformed
	}
	switch {
	case h.Alg != Algorithm:
		return h, "", nil, fmt.Errorf("%w: %.20q", ErrAlgorithm, h.Alg)
	case h.B64 || !slices.Equal(h.Crit, []string{"b64"}):
		return h, "", nil, ErrMalformed
	}
	return h, parts[0], signature, nil
}
