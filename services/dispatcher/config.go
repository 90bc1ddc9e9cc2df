package dispatcher

import (
	"cmp"
	"errors"
	"time"

	"plumbline.dev/services/dispatcher/retry"
	"plumbline.dev/services/internal/egress"
)

// Config holds the operator's settings. The zero value is usable.
type Config struct {
	// ConsoleURL is the address of the console for links in messages, or empty: no links.
	ConsoleURL string
	Egress     egress.Config

	// timeout bounds an attempt; other values only in tests.
	timeout time.Duration
	// lease is how long a beat may stand still before another dispatcher takes over; other values only in tests.
	lease time.Duration
}

// defaultLease is the default of [Config.lease]. An owner beats three times in it.
const defaultLease = 30 * time.Second

func (c Config) withDefaults() (Config, error) {
	if c.timeout < 0 || c.lease < 0 {
		return c, errors.New("a duration of the dispatcher's configuration is negative")
	}
	c.timeout = cmp.Or(c.timeout, retry.Timeout)
	c.lease = cmp.Or(c.lease, defaultLease)
	c.Egress.HeaderTimeout = cmp.Or(c.Egress.HeaderTimeout, c.timeout)
	return c, nil
}
