package resource

import (
	"testing"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// A session that expires immediately differs from an unset duration.
func TestSessionDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		`null`: 0, `""`: 0, `"24h"`: 24 * time.Hour, `"1s"`: time.Second, `"0s"`: proto.Immediately,
		`"0"`: proto.Immediately, `"0h0m"`: proto.Immediately,
	} {
		body, err := v4.ParseObject([]byte(`{"session_duration":` + text + `}`))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := SessionDuration(body); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}
