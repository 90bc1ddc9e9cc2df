package entrysign_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"syscall"
	"testing"
	"time"
)

// BenchmarkFormats compares what signs an entry of 40 KB and names it in the next one, in processor time: Ed25519 over
// the payload, as it is; ES256 over the payload; and Ed25519 over a header that contains the payload's digest, which
// the next entry names anyway.
func BenchmarkFormats(b *testing.B) {
	payload, header := make([]byte, 40<<10), make([]byte, 600)
	_, edwards, err1 := ed25519.GenerateKey(nil)
	nist, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err1 != nil || err2 != nil {
		b.Fatal(err1, err2)
	}
	for name, sign := range map[string]func(){
		"Ed25519 of the payload": func() {
			ed25519.Sign(edwards, payload)
			sha256.Sum256(payload)
		},
		"ES256 of the payload": func() {
			input := sha256.Sum256(payload)
			if _, err := ecdsa.SignASN1(rand.Reader, nist, input[:]); err != nil {
				b.Fatal(err)
			}
			sha256.Sum256(payload)
		},
		"Ed25519 of the digest": func() {
			digest := sha256.Sum256(payload)
			copy(header, digest[:])
			ed25519.Sign(edwards, header)
		},
	} {
		b.Run(name, func(b *testing.B) {
			before := processorTime(b)
			for b.Loop() {
				sign()
			}
			b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
