package exchange

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
	"plumbline.dev/proto"
)

// A token is valid from now for a second to an hour, never longer than its session or, to the second, its
// credentials, and it is handed out again only while it has some life left.
func TestLifetime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.UnixMilli(rapid.Int64Range(1, 4e12).Draw(t, "now"))
		session := sessionOf(time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "policy")),
			time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "application")))
		credentials := proto.Millis(0)
		if rapid.Bool().Draw(t, "expiring") {
			credentials = proto.At(
				now.Add(time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(3*time.Hour)).Draw(t, "credentials"))))
		}
		at := issuedAt(now, 0)
		expires := expiry(at, min(session, MaxTokenLife), credentials)
		life := expires.Sub(at)
		switch {
		case at.After(now) || now.Sub(at) >= time.Second:
			t.Fatalf("now %v, valid from %v", now, at)
		case life < time.Second || life > MaxTokenLife || life%time.Second != 0:
			t.Fatalf("lives %v", life)
		case life > max(session, time.Second):
			t.Fatalf("lives %v with a session of %v", life, session)
		case credentials != 0 && expires.Sub(credentials.Time()) >= time.Second:
			t.Fatalf("expires at %v, its credentials at %v", expires, credentials.Time())
		}
		if r := renewal(at, expires); !r.After(at) || !r.Before(expires) || expires.Sub(r) > 5*time.Minute {
			t.Fatalf("valid from %v to %v, renewed at %v", at, expires, r)
		}
	})
}

func TestSessionDuration(t *testing.T) {
	for _, c := range []struct{ policy, application, want time.Duration }{
		{0, 0, 24 * time.Hour}, {0, time.Minute, time.Minute}, {time.Second, time.Minute, time.Second}, {time.Hour, 0, time.Hour},
		{-time.Hour, -time.Hour, 24 * time.Hour},
	} {
		if got := sessionOf(c.policy, c.application); got != c.want {
			t.Errorf("policy %v, application %v: %v", c.policy, c.application, got)
		}
	}
}

func BenchmarkExchange(b *testing.B) {
	w := newFixture(b)
	s, _ := w.start(w.deps(nil))
	run := func(b *testing.B, before func()) {
		b.ReportAllocs()
		for b.Loop() {
			before()
			if answer, _ := s.exchange(b.Context(), w.request(), false); answer.Error != nil {
				b.Fatal(answer.Error)
			}
		}
	}
	b.Run("cached token", func(b *testing.B) { run(b, func() {}) })
	b.Run("new token", func(b *testing.B) { run(b, s.issuer.tokens.Purge) })
	b.Run("signature alone", func(b *testing.B) {
		key := s.keys.Latest().Signing()
		for b.Loop() {
			if _, err := key.Sign([]byte(`{}`)); err != nil {
				b.Fatal(err)
			}
		}
	})
	// The cost of an exchange without a cached token, beyond its one signature. The two alternate and their medians are
	// compared, so that other load on the machine affects both alike.
	b.Run("new token over a signature", func(b *testing.B) {
		key := s.keys.Latest().Signing()
		payload := make([]byte, 300) // as long as the claims
		var whole, signature []time.Duration
		for b.Loop() {
			s.issuer.tokens.Purge()
			start := time.Now()
			if answer, _ := s.exchange(b.Context(), w.request(), false); answer.Error != nil {
				b.Fatal(answer.Error)
			}
			between := time.Now()
			if _, err := key.Sign(payload); err != nil {
				b.Fatal(err)
			}
			whole, signature = append(whole, between.Sub(start)), append(signature, time.Since(between))
		}
		slices.Sort(whole)
		slices.Sort(signature)
		of, alone := float64(whole[len(whole)/2]), float64(signature[len(signature)/2])
		b.ReportMetric(alone, "signature-ns")
		b.ReportMetric(100*(of-alone)/alone, "%-more")
	})
	b.Run("over the bus", func(b *testing.B) {
		for b.Loop() {
			if answer := w.ask(w.request()); answer.Error != nil {
				b.Fatal(answer.Error)
			}
		}
	})
}
