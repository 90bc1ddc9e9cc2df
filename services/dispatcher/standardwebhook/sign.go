package standardwebhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a message.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// Tolerance is how far the time of a message may differ from the receiver's.
const Tolerance = 5 * time.Minute

// version begins a signature with HMAC-SHA256.
const version = "v1,"

// Sign sets the headers of a message that is sent at a time, with one signature for each secret. id must not contain a
// dot: the signed content separates its parts by dots.
func Sign(h http.Header, id string, at time.Time, body []byte, secrets ...Secret) error {
	if id == "" || strings.ContainsAny(id, ". \r\n") {
		return fmt.Errorf("message id %q is empty or has a dot, a space or a line break", id)
	}
	if len(secrets) == 0 {
		return errors.New("there is no secret to sign with")
	}
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(secrets))
	for n, s := range secrets {
		signatures[n] = version + base64.StdEncoding.EncodeToString(s.sum(id, timestamp, body))
	}
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, timestamp)
	h.Set(HeaderSignature, strings.Join(signatures, " "))
	return nil
}

func (s Secret) sum(id, timestamp string, body []byte) []byte {
	m := hmac.New(sha256.New, s.key)
	m.Write([]byte(id + "." + timestamp + "."))
	m.Write(body)
	return m.Sum(nil)
}

// Verify returns an error unless one of the message's signatures was made with the secret, at most [Tolerance] from
// now. A receiver that must not act twice also remembers the ids of that time.
func Verify(h http.Header, body []byte, s Secret, now time.Time) error {
	id, timestamp := h.Get(HeaderID), h.Get(HeaderTimestamp)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if id == "" || err != nil {
		return errors.New("the message has no id or no timestamp")
	}
	if d := now.Sub(time.Unix(seconds, 0)); d > Tolerance || d < -Tolerance {
		return fmt.Errorf("the message's time differs by more than %v", Tolerance)
	}
	want := s.sum(id, timestamp, body)
	for text := range strings.FieldsSeq(h.Get(HeaderSignature)) {
		encoded, ok := strings.CutPrefix(text, version)
		got, err := base64.StdEncoding.DecodeString(encoded)
		if ok && err == nil && hmac.Equal(got, want) {
			return nil
		}
	}
	return errors.New("no signature of the message was made with this secret")
}
