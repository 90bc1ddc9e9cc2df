package render

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// MomentLayout is how tables show a time: in this machine's zone, with its name. MomentWidth is its usual width.
const (
	MomentLayout = time.DateTime + " MST"
	MomentWidth  = len(time.DateTime + " CEST")
)

// Moment returns a time as tables show it, or a dash for nil or the zero time.
func Moment(at *time.Time) string {
	if at == nil || at.IsZero() {
		return "-"
	}
	return at.Local().Format(MomentLayout)
}

// Instant is a time on the command line: an age such as 90m or 7d, a date or a time in this machine's zone, or a time
// with a zone (RFC 3339). The zero value means that the flag was not given.
type Instant struct{ time.Time }

// UnmarshalText parses the value of a flag.
func (i *Instant) UnmarshalText(text []byte) error {
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
	return fmt.Errorf("%q must be an age, such as 90m or 7d, or a time, such as 2006-01-02T15:04:05", s)
}

// Period are the flags that bound a range of time.
type Period struct {
	Since Instant `env:"-" help:"Start: an age, such as 90m or 7d, or a time, such as 2006-01-02T15:04:05." placeholder:"WHEN"`
	Until Instant `env:"-" help:"End, in the same form as --since." placeholder:"WHEN"`
}

// SinceOr returns the start of the period. If it was not given, the period starts the duration ago before now.
func (p *Period) SinceOr(ago time.Duration) time.Time {
	if p.Since.IsZero() {
		return time.Now().Add(-ago)
	}
	return p.Since.Time
}
