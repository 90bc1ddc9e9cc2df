package command

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// instant is a moment as the command line gives it: how long ago, as 90m or 7d, or when, as 2006-01-02,
// 2006-01-02T15:04:05 (both by this machine's clock) or with a zone (RFC 3339). Zero: none was given.
type instant struct{ time.Time }

// UnmarshalText reads either.
func (i *instant) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	ago, err := time.ParseDuration(s)
	if days, found := strings.CutSuffix(s, "d"); err != nil && found {
		var n int
		if n, err = strconv.Atoi(days); err == nil {
			ago = time.Duration(n) * 24 * time.Hour
		}
	}
	if err == nil {
		if ago < 0 {
			return fmt.Errorf("%q is in the future", s)
		}
		i.Time = time.Now().Add(-ago)
		return nil
	}
	if i.Time, err = time.Parse(time.RFC3339Nano, s); err == nil {
		return nil
	}
	for _, layout := range []string{time.DateOnly, time.DateTime, "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if i.Time, err = time.ParseInLocation(layout, s, time.Local); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%q is neither how long ago, such as 90m or 7d, nor a time, such as 2006-01-02T15:04:05", s)
}

// period are the flags of what has a time.
type period struct {
	Since instant `env:"-" help:"From when on: how long ago, such as 90m or 7d, or a time, such as 2006-01-02T15:04:05." placeholder:"WHEN"`
	Until instant `env:"-" help:"Up to when." placeholder:"WHEN"`
}

// since is the begin; ago before now where none was given.
func (p *period) since(ago time.Duration) time.Time {
	if p.Since.IsZero() {
		return time.Now().Add(-ago)
	}
	return p.Since.Time
}
