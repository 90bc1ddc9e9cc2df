package apitest

import (
	"errors"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/topology"
)

// ConfigKeys returns the keys of the account's records of a kind in the CONFIG bucket.
func (f *Fixture) ConfigKeys(kind topology.Kind) (keys []string) {
	f.T.Helper()
	for _, key := range f.keys(topology.Config) {
		if strings.HasPrefix(key, f.Account.String()+"."+string(kind)+".") {
			keys = append(keys, key)
		}
	}
	return keys
}

func (f *Fixture) keys(bucket string) []string {
	f.T.Helper()
	kv, err := f.Conn.JetStream().KeyValue(f.T.Context(), bucket)
	if err != nil {
		f.T.Fatal(err)
	}
	keys, err := kv.Keys(f.T.Context())
	if err != nil && !errors.Is(err, jetstream.ErrNoKeysFound) {
		f.T.Fatal(err)
	}
	return keys
}
