package trial

import (
	"testing"
	"time"

	"plumbline.dev/services/api/store"
)

// No body of a trial panics, and the bounds hold for every one that is accepted.
func FuzzReadRequest(f *testing.F) {
	for _, body := range []string{`{}`, `{"rule":{"type":"custom_s2s"},"since":"30d","step":"6h","limit":5}`,
		`{"rule_id":"11111111-1111-4111-8111-111111111111","since":"2026-01-02T15:04:05Z"}`, `{"rule":{},"step":"1m"}`,
		`{"rule":null,"limit":1e3}`, `{"rule":{},"since":"0001-01-01T00:00:00Z"}`, `{"rule":{},"since":"65535d"}`} {
		f.Add([]byte(body))
	}
	now := time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, body []byte) {
		q, err := readRequest(body)
		if err != nil {
			return
		}
		if q.limit < 0 || q.limit > maxLimit || q.step < minStep || q.step > store.LogRetention ||
			q.rule == nil && q.body == nil {
			t.Fatalf("%s: %+v", body, q)
		}
		if q.since == nil {
			return
		}
		times, err := q.times(now)
		if err != nil {
			return
		}
		if len(times) == 0 || len(times) > maxSteps || times[0].Before(now.Add(-store.LogRetention)) ||
			!times[len(times)-1].Before(now) {
			t.Fatalf("%s: %d steps from %v to %v", body, len(times), times[0], times[len(times)-1])
		}
	})
}
