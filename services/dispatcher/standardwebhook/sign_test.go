package standardwebhook_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline.dev/services/dispatcher/standardwebhook"
)

func parse(t *testing.T, text string) standardwebhook.Secret {
	t.Helper()
	s, err := standardwebhook.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The example of the specification's reference libraries.
func TestPublishedExample(t *testing.T) {
	h := http.Header{}
	s := parse(t, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err := standardwebhook.Sign(h, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0),
		[]byte(`{"test": 2432232314}`), s); err != nil {
		t.Fatal(err)
	}
	if got, want := h.Get("webhook-signature"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
	if h.Get("webhook-id") != "msg_p5jXN8AQM9LWM0D4loKWxJek" || h.Get("webhook-timestamp") != "1614265330" {
		t.Error(h)
	}
}

func TestVerify(t *testing.T) {
	old, next, other := standardwebhook.NewSecret(), standardwebhook.NewSecret(), standardwebhook.NewSecret()
	now := time.Unix(1_800_000_000, 0)
	signed := func(secrets ...standardwebhook.Secret) http.Header {
		h := http.Header{}
		if err := standardwebhook.Sign(h, "msg_1", now, []byte("body"), secrets...); err != nil {
			t.Fatal(err)
		}
		return h
	}
	rotating := signed(next, old)
	for name, c := range map[string]struct {
		headers http.Header
		body    string
		secret  standardwebhook.Secret
		at      time.Time
		ok      bool
	}{
		"new secret":           {rotating, "body", next, now, true},
		"old secret":           {rotating, "body", old, now, true},
		"foreign secret":       {rotating, "body", other, now, false},
		"after the rotation":   {signed(next), "body", old, now, false},
		"another body":         {rotating, "bodY", next, now, false},
		"within the tolerance": {rotating, "body", next, now.Add(5 * time.Minute), true},
		"replayed later":       {rotating, "body", next, now.Add(5*time.Minute + time.Second), false},
		"from the future":      {rotating, "body", next, now.Add(-5*time.Minute - time.Second), false},
		"without headers":      {http.Header{}, "body", next, now, false},
	} {
		if err := standardwebhook.Verify(c.headers, []byte(c.body), c.secret, c.at); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, header := range []string{standardwebhook.HeaderID, standardwebhook.HeaderTimestamp} {
		h := signed(next)
		h.Set(header, h.Get(header)+"1")
		if err := standardwebhook.Verify(h, []byte("body"), next, now); err == nil {
			t.Errorf("a message with another %s verifies", header)
		}
	}
}

func TestSignRejects(t *testing.T) {
	s := standardwebhook.NewSecret()
	for _, id := range []string{"", "a.b", "a b", "a\r\nX: y"} {
		if err := standardwebhook.Sign(http.Header{}, id, time.Now(), nil, s); err == nil {
			t.Errorf("id %q was signed", id)
		}
	}
	if err := standardwebhook.Sign(http.Header{}, "id", time.Now(), nil); err == nil {
		t.Error("a message was signed without a secret")
	}
}

func TestSecrets(t *testing.T) {
	encoded := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for text, ok := range map[string]bool{
		"whsec_" + encoded(24): true, "whsec_" + encoded(64): true, "whsec_" + encoded(23): false,
		"whsec_" + encoded(65): false, encoded(32): false, "whsec_": false, "whsec_???": false,
		"whsec_" + encoded(32) + "\n": false,
	} {
		s, err := standardwebhook.ParseSecret(text)
		switch {
		case (err == nil) != ok:
			t.Errorf("%q: %v", text, err)
		case ok && s.Reveal() != text:
			t.Errorf("%q became %q", text, s.Reveal())
		case err != nil && len(text) > 10 && strings.Contains(err.Error(), text[6:]):
			t.Errorf("the error has the secret: %v", err)
		}
	}
	s := standardwebhook.NewSecret()
	if s.Reveal() == standardwebhook.NewSecret().Reveal() {
		t.Error("two new secrets are equal")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if shown := fmt.Sprintf(verb, s); shown != "whsec_..." {
			t.Errorf("%s shows %s", verb, shown)
		}
	}
}
