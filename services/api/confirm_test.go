package api

import (
	"strings"
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// The audit log's outbox is in the streams of the buckets: a message of it that is the newest of its stream keeps
// nobody from reading and changing the bucket.
func TestAnOutboxMessageIsNoRevision(t *testing.T) {
	y := start(t)
	for bucket, change := range map[string]func() response{
		topology.Config: func() response { return y.do("POST", "/access/tags", map[string]any{"name": "tag"}) },
		topology.Tokens: func() response { return y.do("POST", "/access/service_tokens", map[string]any{"name": "token"}) },
	} {
		if _, err := y.conn.JetStream().Publish(t.Context(), topology.Outbox(bucket, y.account, proto.NewID()), []byte("garbage")); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if r := y.do("GET", "/access/tags", nil); r.Status != 200 {
				t.Errorf("%s: %d %s", bucket, r.Status, r.Body)
			}
			if r := y.do("GET", "/access/service_tokens", nil); r.Status != 200 {
				t.Errorf("%s: %d %s", bucket, r.Status, r.Body)
			}
		}
		if r := change(); r.Status != 201 || !strings.Contains(string(r.Body), `"success":true`) {
			t.Errorf("%s: %d %s", bucket, r.Status, r.Body)
		}
	}
}
