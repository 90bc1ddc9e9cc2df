package resource

import (
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// maxSession bounds session durations.
const maxSession = 10 * 8760 * time.Hour

// SessionDuration reads the member session_duration of a body, a Go duration. Zero is [proto.Immediately]; an absent
// duration is 0.
func SessionDuration(body v4.Object) (time.Duration, error) {
	text, err := body.Text("session_duration")
	if err == nil && text == "" {
		return 0, nil
	}
	d, parseErr := time.ParseDuration(text)
	if err != nil || parseErr != nil || d < 0 || d > maxSession {
		return 0, v4.Invalid(`session_duration must be a duration such as "24h" or "30m"`)
	}
	if d == 0 {
		return proto.Immediately, nil
	}
	return d, nil
}
