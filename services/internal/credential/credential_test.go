package credential_test

import (
	"fmt"
	"hash/crc32"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/credential"
)

func TestForms(t *testing.T) {
	for _, c := range []struct {
		name string
		make func() string
		form string
	}{
		{"client secret", credential.NewServiceSecret, `^cfast_[0-9A-Za-z]{40}[0-9a-f]{8}$`},
		{"client id", credential.NewClientID, `^[0-9a-f]{32}\.access$`},
		{"api token", credential.NewAPIToken, `^[0-9A-Za-z\-_]{40,80}$`},
	} {
		t.Run(c.name, func(t *testing.T) {
			form, seen := regexp.MustCompile(c.form), map[string]bool{}
			for range 1000 {
				s := c.make()
				if !form.MatchString(s) {
					t.Fatalf("%q does not match %s", s, c.form)
				}
				if seen[s] {
					t.Fatalf("%q was made twice", s)
				}
				seen[s] = true
			}
		})
	}
}

func TestClientIDHasAKey(t *testing.T) {
	if _, err := topology.ServiceTokenKey(proto.NewAccount(), credential.NewClientID()); err != nil {
		t.Fatal(err)
	}
}

// Each of the 62 characters is drawn as often as any other: with 400,000 draws an even spread is 6,452
// each, and one that came from a remainder of 256 would give the first eight characters a quarter more.
func TestNoCharacterIsFavoured(t *testing.T) {
	counts := map[byte]int{}
	for range 10_000 {
		s := strings.TrimPrefix(credential.NewServiceSecret(), credential.ServicePrefix)
		for i := range 40 {
			counts[s[i]]++
		}
	}
	if len(counts) != 62 {
		t.Fatalf("%d different characters", len(counts))
	}
	for c, n := range counts {
		if n < 5900 || n > 7000 { // seven standard deviations
			t.Errorf("%q was drawn %d times", c, n)
		}
	}
}

var credentialForm = regexp.MustCompile(`^(cfast_|plumb_)[0-9A-Za-z]{40}[0-9a-f]{8}$`)

// wellFormed checks a credential as a secret scanner would: by its form and its CRC-32.
func wellFormed(s string) bool {
	if !credentialForm.MatchString(s) {
		return false
	}
	at := len(s) - 8
	return s[at:] == fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(s[:at])))
}

func TestWellFormed(t *testing.T) {
	for range 100 {
		for _, s := range []string{credential.NewServiceSecret(), credential.NewAPIToken()} {
			if !wellFormed(s) {
				t.Fatalf("%q is not well formed", s)
			}
		}
	}
	for _, s := range []string{"", "cfast_", strings.Repeat("a", 64), "cfast_" + strings.Repeat("a", 48)} {
		if wellFormed(s) {
			t.Errorf("%q is well formed", s)
		}
	}
}

// CRC-32 finds every mistake within 32 neighbouring bits, so every single mistyped character and every
// pair of neighbours that changed places.
func TestOneMistypedCharacterShows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := []byte(credential.NewServiceSecret())
		at := rapid.IntRange(0, len(b)-2).Draw(t, "at")
		was := string(b)
		if rapid.Bool().Draw(t, "swap") {
			b[at], b[at+1] = b[at+1], b[at]
		} else {
			b[at] = rapid.Byte().Draw(t, "byte")
		}
		if string(b) != was && wellFormed(string(b)) {
			t.Fatalf("%q is well formed, as %q is", b, was)
		}
	})
}

// Existing secrets contain the checksum, so its form must not change.
func TestChecksumStays(t *testing.T) {
	const s = "cfast_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcd" + "121c13d6"
	if !wellFormed(s) {
		t.Fatalf("%q is not well formed", s)
	}
}

func TestMatches(t *testing.T) {
	secret := credential.NewServiceSecret()
	hash := credential.Hash(secret)
	if len(hash) != 32 || !credential.Matches(secret, hash) {
		t.Fatal("a secret does not match its hash")
	}
	for name, h := range map[string][]byte{
		"no hash": nil, "an empty hash": {}, "a hash cut short": hash[:31], "a hash and a byte": append(hash[:32:32], 0),
		"zeros": make([]byte, 32), "another's hash": credential.Hash("x"),
	} {
		if credential.Matches(secret, h) {
			t.Errorf("%s matches", name)
		}
	}
	if credential.Matches(secret+"x", hash) || credential.Matches("", hash) || credential.Matches("", nil) {
		t.Error("another secret matches")
	}
}

func BenchmarkMatches(b *testing.B) {
	secret := credential.NewServiceSecret()
	hash := credential.Hash(secret)
	for b.Loop() {
		credential.Matches(secret, hash)
	}
}
