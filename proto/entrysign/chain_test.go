package entrysign_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
	"plumbline.dev/proto/entrysign"
)

func signer(seed byte) *entrysign.Signer {
	s := make([]byte, ed25519.SeedSize)
	s[0] = seed
	return entrysign.NewSigner(ed25519.NewKeyFromSeed(s))
}

func keysOf(all ...*entrysign.Signer) entrysign.Keys {
	keys := entrysign.Keys{}
	for _, s := range all {
		keys[s.KID()] = s.Public()
	}
	return keys
}

// payload is an entry with a tick, distinct for each n.
func payload(t testing.TB, tick uint64, n int) []byte {
	t.Helper()
	data, err := proto.Marshal(&proto.Entry{Tick: tick, EvaluatedAt: proto.Millis(1_700_000_000_000 + n)})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func signed(t testing.TB, s *entrysign.Signer, subject string, tick uint64, prev string,
	data []byte) entrysign.Message {
	t.Helper()
	headers := map[string][]string{proto.HeaderSchema: {"entry.1"}, proto.HeaderSummary: {"1 2 3"},
		proto.HeaderContentType: {proto.ContentType}, "Nats-Batch-Id": {"x"}}
	signature, err := s.Sign(entrysign.Header{Subject: subject, Tick: tick, Prev: prev, Schema: "entry.1"}, headers, data)
	if err != nil {
		t.Fatal(err)
	}
	headers[proto.HeaderSignature] = []string{signature}
	return entrysign.Message{Subject: subject, Headers: headers, Payload: data}
}

// chain returns n entries of a page, as honest evaluators write them.
func chain(t testing.TB, s *entrysign.Signer, subject string, n int) []entrysign.Message {
	t.Helper()
	var all []entrysign.Message
	prev := ""
	for i := range n {
		data := payload(t, uint64(i/2), i) // other inputs than polls keep the tick
		all = append(all, signed(t, s, subject, uint64(i/2), prev, data))
		prev = entrysign.Digest(data)
	}
	return all
}

// verify returns the errors of a log, as "index: error".
func verify(keys entrysign.Keys, log []entrysign.Message) (failed []error) {
	c := entrysign.Chain{Keys: keys}
	for _, m := range log {
		failed = append(failed, c.Add(m))
	}
	return failed
}

func only(t *testing.T, got []error, want map[int]error) {
	t.Helper()
	for i, err := range got {
		if want[i] == nil && err != nil || want[i] != nil && !errors.Is(err, want[i]) {
			t.Errorf("entry %d: %v, want %v", i, err, want[i])
		}
	}
}

func copied(m entrysign.Message) entrysign.Message {
	h := maps.Clone(m.Headers)
	for k, v := range h {
		h[k] = slices.Clone(v)
	}
	return entrysign.Message{Subject: m.Subject, Headers: h, Payload: slices.Clone(m.Payload)}
}

func TestAnHonestLog(t *testing.T) {
	a, b := signer(1), signer(2)
	log := append(chain(t, a, "posture.log.x.y.0", 6), chain(t, b, "posture.log.x.y.1", 6)...)
	last := log[5]
	next := signed(t, b, last.Subject, 9, entrysign.Digest(last.Payload), payload(t, 9, 9)) // after a rotation
	only(t, verify(keysOf(a, b), append(log, next)), nil)
}

// Every attack on the log is found, and the entries that were not touched stay verified.
func TestAttacks(t *testing.T) {
	s, other := signer(1), signer(2)
	const subject = "posture.log.x.y.0"
	change := func(i int, edit func(*entrysign.Message)) func([]entrysign.Message) []entrysign.Message {
		return func(log []entrysign.Message) []entrysign.Message { edit(&log[i]); return log }
	}
	header := func(name, value string) func(*entrysign.Message) {
		return func(m *entrysign.Message) { m.Headers[name] = []string{value} }
	}
	protected := func(edit func(h map[string]any)) func(*entrysign.Message) {
		return func(m *entrysign.Message) { editProtected(t, m, edit) }
	}
	// The payload is the honest one, so the next entry names it.
	after := func(err error) map[int]error { return map[int]error{3: err, 4: entrysign.ErrOnForged} }
	for name, c := range map[string]struct {
		attack func(log []entrysign.Message) []entrysign.Message
		want   map[int]error
	}{
		"dropped": {func(log []entrysign.Message) []entrysign.Message { return slices.Delete(log, 3, 4) },
			map[int]error{3: entrysign.ErrGap}},
		"reordered": {func(log []entrysign.Message) []entrysign.Message { log[3], log[4] = log[4], log[3]; return log },
			map[int]error{3: entrysign.ErrGap, 4: entrysign.ErrOrder}},
		"replayed at once": {func(log []entrysign.Message) []entrysign.Message { return slices.Insert(log, 4, log[3]) },
			map[int]error{4: entrysign.ErrReplayed}},
		"replayed later": {func(log []entrysign.Message) []entrysign.Message { return append(log, log[2]) },
			map[int]error{8: entrysign.ErrReplayed}},
		"the first one replayed": {func(log []entrysign.Message) []entrysign.Message { return append(log, log[0]) },
			map[int]error{8: entrysign.ErrReplayed}},
		"moved to another page": {change(3, func(m *entrysign.Message) { m.Subject = "posture.log.x.y.9" }),
			map[int]error{3: entrysign.ErrMoved, 4: entrysign.ErrGap}},
		"payload changed": {change(3, func(m *entrysign.Message) { m.Payload[len(m.Payload)-1] ^= 1 }),
			map[int]error{3: entrysign.ErrForged, 4: entrysign.ErrGap}},
		"payload of another entry": {change(3, func(m *entrysign.Message) { m.Payload = payload(t, 1, 2) }),
			map[int]error{3: entrysign.ErrForged, 4: entrysign.ErrGap}},
		"summary changed": {change(3, header(proto.HeaderSummary, "1 2 4")), after(entrysign.ErrHeaders)},
		"header added":    {change(3, header(proto.HeaderFlips, "1 0")), after(entrysign.ErrHeaders)},
		"header added in another case": {change(3, header("plumb-flips", "1 0")),
			after(entrysign.ErrHeaders)},
		"summary removed": {change(3, func(m *entrysign.Message) { delete(m.Headers, proto.HeaderSummary) }),
			after(entrysign.ErrHeaders)},
		"second summary": {change(3, func(m *entrysign.Message) {
			m.Headers[proto.HeaderSummary] = append(m.Headers[proto.HeaderSummary], "1 2 4")
		}), after(entrysign.ErrHeaders)},
		"schema changed": {change(3, header(proto.HeaderSchema, "entry.2")), after(entrysign.ErrHeaders)},
		"signature removed": {change(3, func(m *entrysign.Message) { delete(m.Headers, proto.HeaderSignature) }),
			after(entrysign.ErrStripped)},
		"two signatures": {change(3, func(m *entrysign.Message) {
			m.Headers[proto.HeaderSignature] = append(m.Headers[proto.HeaderSignature], "x")
		}), after(entrysign.ErrMalformed)},
		"no key id":     {change(3, protected(func(h map[string]any) { delete(h, "kid") })), after(entrysign.ErrUnknownKey)},
		"alg none":      {change(3, protected(func(h map[string]any) { h["alg"] = "none" })), after(entrysign.ErrAlgorithm)},
		"alg HS256":     {change(3, protected(func(h map[string]any) { h["alg"] = "HS256" })), after(entrysign.ErrAlgorithm)},
		"no crit":       {change(3, protected(func(h map[string]any) { delete(h, "crit") })), after(entrysign.ErrMalformed)},
		"b64":           {change(3, protected(func(h map[string]any) { delete(h, "b64") })), after(entrysign.ErrMalformed)},
		"other tick":    {change(3, protected(func(h map[string]any) { h["tick"] = 7 })), after(entrysign.ErrForged)},
		"other prev":    {change(3, protected(func(h map[string]any) { h["prev"] = "x" })), after(entrysign.ErrForged)},
		"not a JWS":     {change(3, header(proto.HeaderSignature, "x")), after(entrysign.ErrMalformed)},
		"payload in it": {change(3, func(m *entrysign.Message) { attach(m) }), after(entrysign.ErrMalformed)},
		"an unknown key": {func(log []entrysign.Message) []entrysign.Message {
			forged := signed(t, other, subject, 1, entrysign.Digest(log[2].Payload), payload(t, 1, 99))
			return slices.Insert(log, 3, forged)
		}, map[int]error{3: entrysign.ErrUnknownKey}},
		"an unknown key under a known id": {change(3, func(m *entrysign.Message) {
			forged := signed(t, other, subject, 1, "", m.Payload)
			editProtected(t, &forged, func(h map[string]any) { h["kid"] = s.KID() })
			*m = forged
		}), after(entrysign.ErrForged)},
		"an evaluator built on a forged one": {func(log []entrysign.Message) []entrysign.Message {
			forged := signed(t, other, subject, 9, "", payload(t, 9, 99))
			return append(log, forged, signed(t, s, subject, 9, entrysign.Digest(forged.Payload), payload(t, 9, 100)))
		}, map[int]error{8: entrysign.ErrUnknownKey, 9: entrysign.ErrOnForged}},
		"a new beginning": {func(log []entrysign.Message) []entrysign.Message {
			return append(log, signed(t, s, subject, 9, "", payload(t, 9, 99)))
		}, map[int]error{8: entrysign.ErrGap}},
		"the tick goes back": {func(log []entrysign.Message) []entrysign.Message {
			return append(log, signed(t, s, subject, 0, entrysign.Digest(log[7].Payload), payload(t, 0, 99)))
		}, map[int]error{8: entrysign.ErrOrder}},
		"another tick than the payload's": {func(log []entrysign.Message) []entrysign.Message {
			return append(log, signed(t, s, subject, 9, entrysign.Digest(log[7].Payload), payload(t, 8, 99)))
		}, map[int]error{8: entrysign.ErrTick}},
	} {
		t.Run(name, func(t *testing.T) {
			var log []entrysign.Message
			for _, m := range chain(t, s, subject, 8) {
				log = append(log, copied(m))
			}
			log = c.attack(log)
			only(t, verify(keysOf(s), log), c.want)
		})
	}
}

// editProtected changes the protected header and keeps the signature.
func editProtected(t *testing.T, m *entrysign.Message, edit func(map[string]any)) {
	t.Helper()
	text, signature, _ := strings.Cut(m.Headers[proto.HeaderSignature][0], "..")
	data, err := base64.RawURLEncoding.DecodeString(text)
	var h map[string]any
	if err == nil {
		err = json.Unmarshal(data, &h)
	}
	if err == nil {
		edit(h)
		data, err = json.Marshal(h)
	}
	if err != nil {
		t.Fatal(err)
	}
	m.Headers[proto.HeaderSignature] = []string{base64.RawURLEncoding.EncodeToString(data) + ".." + signature}
}

func attach(m *entrysign.Message) {
	text, signature, _ := strings.Cut(m.Headers[proto.HeaderSignature][0], "..")
	m.Headers[proto.HeaderSignature] = []string{
		text + "." + base64.RawURLEncoding.EncodeToString(m.Payload) + "." + signature}
}

// Entries of the version before have no signature; the first signed entry names the last of them.
func TestAnUpgrade(t *testing.T) {
	s := signer(1)
	const subject = "posture.log.x.y.0"
	unsigned := func(n int) entrysign.Message {
		return entrysign.Message{Subject: subject, Headers: map[string][]string{proto.HeaderSchema: {"entry.1"}},
			Payload: payload(t, 1, n)}
	}
	first := signed(t, s, subject, 1, entrysign.Digest(unsigned(2).Payload), payload(t, 1, 3))
	only(t, verify(keysOf(s), []entrysign.Message{unsigned(1), unsigned(2), first}),
		map[int]error{0: entrysign.ErrUnsigned, 1: entrysign.ErrUnsigned})
	only(t, verify(keysOf(s), []entrysign.Message{unsigned(1), unsigned(4), first, unsigned(5)}),
		map[int]error{0: entrysign.ErrUnsigned, 1: entrysign.ErrUnsigned, 2: entrysign.ErrGap, 3: entrysign.ErrStripped})
}

// Whatever is dropped, swapped, copied or moved: unless the log is a part of the honest one, beginning anywhere, it
// does not verify.
func TestNoOtherLogVerifies(t *testing.T) {
	s := signer(1)
	honest := chain(t, s, "p", 12)
	rapid.Check(t, func(t *rapid.T) {
		picked := rapid.SliceOfN(rapid.IntRange(0, len(honest)-1), 1, len(honest)).Draw(t, "entries")
		var log []entrysign.Message
		part := true
		for i, n := range picked {
			log, part = append(log, honest[n]), part && (i == 0 || n == picked[i-1]+1)
		}
		verifies := !slices.ContainsFunc(verify(keysOf(s), log), func(err error) bool { return err != nil })
		if verifies != part {
			t.Fatalf("entries %v: verifies %t", picked, verifies)
		}
	})
}

func TestNewest(t *testing.T) {
	s := signer(1)
	log := chain(t, s, "p", 2)
	c := entrysign.Chain{Keys: keysOf(s)}
	if known, _ := c.Newest("p", log[0].Payload); known {
		t.Error("a page without entries is known")
	}
	for _, m := range log {
		if err := c.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	if _, same := c.Newest("p", log[0].Payload); same {
		t.Error("the first entry is the newest")
	}
	if known, same := c.Newest("p", log[1].Payload); !known || !same {
		t.Error("the last entry is not the newest")
	}
}

func TestKeys(t *testing.T) {
	s := signer(1)
	j := entrysign.NewJWK(s.Public())
	document := func(j entrysign.JWK) []byte {
		data, err := json.Marshal(entrysign.JWKS{Keys: []entrysign.JWK{{Kty: "RSA", KID: "x"}, j}})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	keys, err := entrysign.ParseKeys(document(j))
	if err != nil || len(keys) != 1 || !keys[s.KID()].Equal(s.Public()) {
		t.Errorf("%v, %v", keys, err)
	}
	other := j
	other.KID = "mine"
	short := j
	short.X = "AAAA"
	for _, bad := range [][]byte{document(other), document(short), []byte("x")} {
		if keys, err := entrysign.ParseKeys(bad); err == nil {
			t.Errorf("%s: %v", bad, keys)
		}
	}
	// RFC 8037 appendix A.3.
	public, err := base64.RawURLEncoding.DecodeString("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
	if err != nil {
		t.Fatal(err)
	}
	if got := entrysign.KeyID(public); got != "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" {
		t.Errorf("thumbprint %s", got)
	}
}

func FuzzVerify(f *testing.F) {
	s := signer(1)
	m := signed(f, s, "p", 1, "", payload(f, 1, 1))
	f.Add(m.Headers[proto.HeaderSignature][0], m.Payload)
	f.Add("..", []byte{})
	f.Fuzz(func(t *testing.T, signature string, data []byte) {
		headers := maps.Clone(m.Headers)
		headers[proto.HeaderSignature] = []string{signature}
		_, err := entrysign.Verify(keysOf(s), "p", headers, data)
		if err == nil && (signature != m.Headers[proto.HeaderSignature][0] || string(data) != string(m.Payload)) {
			t.Errorf("%q over %x verifies", signature, data)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	for _, size := range []int{1 << 10, 40 << 10, 70 << 10} {
		b.Run(fmt.Sprintf("%d KiB", size>>10), func(b *testing.B) {
			s, data := signer(1), make([]byte, size)
			headers := map[string][]string{proto.HeaderSchema: {"entry.1"}, proto.HeaderSummary: {strings.Repeat("1 ", 40)}}
			b.SetBytes(int64(size))
			for b.Loop() {
				h := entrysign.Header{Subject: "p", Schema: "entry.1", Prev: entrysign.Digest(data)}
				if _, err := s.Sign(h, headers, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
