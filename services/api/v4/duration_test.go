package v4_test

import (
	"testing"
	"time"

	"plumbline.dev/services/api/v4"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0s": 0, "90m": 90 * time.Minute, "36h": 36 * time.Hour, "0d": 0, "14d": 14 * 24 * time.Hour,
		"-1h": -time.Hour, "65535d": 65535 * 24 * time.Hour,
	} {
		if got, err := v4.ParseDuration(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "14", "-1d", "+1d", "1.5d", "1d12h", "1dd", "65536d", " 1d", "soon"} {
		if got, err := v4.ParseDuration(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}
