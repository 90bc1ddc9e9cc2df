package provision_test

import (
	"errors"
	"fmt"
	"testing"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/provision"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// An installation of an earlier version has the last uses of service tokens in TOKENS. Provisioning copies them once:
// what was written or deleted in TOKEN_USES since stays so.
func TestLastUsesOfServiceTokensAreCopied(t *testing.T) {
	b := bustest.Start(t)
	c := b.Conn(topology.Operator)
	key := func(n int) string { return fmt.Sprintf("%s.seen.%032d", proto.NewAccount(), n) }
	old, newer, deleted, gone, garbage := key(1), key(2), key(3), key(4), key(5)
	put := func(bucket, key string, at proto.Millis) uint64 {
		t.Helper()
		revision, err := c.Put(t.Context(), bucket, key, &proto.TokenSeen{At: at}, 0)
		if err != nil {
			t.Fatal(err)
		}
		return revision
	}
	remove := func(bucket, key string, revision uint64) {
		t.Helper()
		if err := c.Delete(t.Context(), bucket, key, revision); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range []string{old, newer, deleted} {
		put(topology.Tokens, k, 7)
	}
	remove(topology.Tokens, gone, put(topology.Tokens, gone, 7))
	if _, err := c.JetStream().Publish(t.Context(), topology.BucketSubject(topology.Tokens, garbage),
		[]byte("garbage")); err != nil {
		t.Fatal(err)
	}
	put(topology.TokenUses, newer, 9)
	remove(topology.TokenUses, deleted, put(topology.TokenUses, deleted, 9))

	for range 2 {
		if err := provision.Topology(t.Context(), c, topology.Options{LogMaxBytes: 1 << 30}); err != nil {
			t.Fatal(err)
		}
		for k, want := range map[string]proto.Millis{old: 7, newer: 9, deleted: 0, gone: 0, garbage: 0} {
			var seen proto.TokenSeen
			if _, err := c.Get(t.Context(), topology.TokenUses, k, &seen); err != nil && !errors.Is(err, bus.ErrNotFound) {
				t.Fatal(err)
			}
			if seen.At != want {
				t.Errorf("last use of %s is %d, want %d", k, seen.At, want)
			}
		}
	}
}
