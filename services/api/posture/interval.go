package posture

import (
	"strconv"
	"strings"
	"time"
)

// maxInterval bounds intervals, since poll slots are counted in them.
const maxInterval = 8760 * time.Hour

// parseInterval parses a number with m or h (api/README.md 5.2), or with s if intervals below a minute are allowed.
func parseInterval(text string, least time.Duration) (time.Duration, error) {
	units := map[string]time.Duration{"m": time.Minute, "h": time.Hour}
	form := `a number with m or h, such as "10m"`
	if least < time.Minute {
		units["s"] = time.Second
		form = `a number with s, m or h, such as "10m"`
	}
	digits := strings.TrimRight(text, "smh")
	n, err := strconv.ParseUint(digits, 10, 31)
	unit, known := units[text[len(digits):]]
	if err != nil || !known || strings.HasPrefix(text, "+") {
		return 0, invalidIntegration("interval must be %s", form)
	}
	if n > uint64(maxInterval/unit) {
		return 0, invalidIntegration("interval must be at most %gh", maxInterval.Hours())
	}
	d := time.Duration(n) * unit
	if d < least {
		return 0, invalidIntegration("interval must be at least %s", shortDuration(least))
	}
	return d, nil
}

// shortDuration returns 1m where Duration.String returns 1m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if rest, ok := strings.CutSuffix(s, "m0s"); ok {
		s = rest + "m"
	}
	if rest, ok := strings.CutSuffix(s, "h0m"); ok {
		s = rest + "h"
	}
	return s
}
