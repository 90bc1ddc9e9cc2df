package enforcement

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"plumbline.dev/services/internal/cli"
)

// end has the flags of the end of an exemption or of the observe switch: exactly one of them is required.
type end struct {
	Until moment `env:"-" help:"End: a time such as 2026-12-31T18:00 (of this machine's zone) or 2026-12-31T18:00:00Z." placeholder:"TIME"`
	For   period `env:"-" help:"Time until the end, such as 36h or 14d." placeholder:"DURATION"`
}

// at returns the end.
func (e *end) at() (time.Time, error) {
	switch {
	case e.Until.IsZero() == (e.For == 0):
		return time.Time{}, cli.Usage("give either --until or --for")
	case e.For != 0:
		return time.Now().Add(time.Duration(e.For)), nil
	}
	return e.Until.Time, nil
}

// moment is a time on the command line.
type moment struct{ time.Time }

// UnmarshalText parses a time with a zone (RFC 3339), or a date or a time in this machine's zone.
func (m *moment) UnmarshalText(text []byte) (err error) {
	s := strings.TrimSpace(string(text))
	if m.Time, err = time.Parse(time.RFC3339Nano, s); err == nil {
		return nil
	}
	for _, layout := range []string{time.DateOnly, time.DateTime, "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if m.Time, err = time.ParseInLocation(layout, s, time.Local); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%q must be a time, such as 2026-12-31T18:00", s)
}

// period is a duration on the command line, in days if it ends in d.
type period time.Duration

// UnmarshalText parses a Go duration, or a number of days.
func (p *period) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	d, err := time.ParseDuration(s)
	if days, found := strings.CutSuffix(s, "d"); found {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d <= 0 {
		return fmt.Errorf("%q must be a duration, such as 36h or 14d", s)
	}
	*p = period(d)
	return nil
}
