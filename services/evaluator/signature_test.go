package evaluator

import (
	"crypto/ed25519"
	"sync"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto/entrysign"
)

var keyForTests = sync.OnceValue(func() *entrysign.Signer {
	return entrysign.NewSigner(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
})

func signerForTests() (*entrysign.Signer, error) { return keyForTests(), nil }

// verifySignatures verifies all entries of the log as other systems do: whatever crashed, raced or was evicted, each
// entry is signed and names its predecessor.
func (w *world) verifySignatures() {
	chain := entrysign.Chain{Keys: entrysign.Keys{keyForTests().KID(): keyForTests().Public()}}
	for n, s := range w.sheets {
		subject := topology.Log(topology.PageRef{Page: topology.PageNumber(n)})
		for i, r := range s.log {
			err := chain.Add(entrysign.Message{Subject: subject, Headers: r.as.headers, Payload: r.as.payload})
			if err != nil {
				w.t.Fatalf("entry %d of %d: %v", i, len(s.log), err)
			}
		}
	}
}
