package store_test

import (
	"strings"
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
)

// TestAnOutboxMessageIsNoRevision checks that a bucket can be read and changed if the newest message of its stream is
// one of the outbox.
func TestAnOutboxMessageIsNoRevision(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	for bucket, change := range map[string]func() apitest.Response{
		topology.Config: func() apitest.Response { return f.Do("POST", "/access/tags", map[string]any{"name": "tag"}) },
		topology.Tokens: func() apitest.Response {
			return f.Do("POST", "/access/service_tokens", map[string]any{"name": "token"})
		},
	} {
		if _, err := f.Conn.JetStream().Publish(t.Context(), topology.Outbox(bucket, f.Account, proto.NewID()),
			[]byte("garbage")); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if r := f.Do("GET", "/access/tags", nil); r.Status != 200 {
				t.Errorf("%s: %d %s", bucket, r.Status, r.Body)
			}
			if r := f.Do("GET", "/access/service_tokens", nil); r.Status != 200 {
				t.Errorf("%s: %d %s", bucket, r.Status, r.Body)
			}
		}
		if r := change(); r.Status != 201 || !strings.Contains(string(r.Body), `"success":true`) {
			t.Errorf("%s: %d %s", bucket, r.Status, r.Body)
		}
	}
}
