package fetcher

import (
	"cmp"
	"errors"
	"time"

	"plumbline.dev/services/internal/egress"
)

// Config holds the operator's settings. The zero value is usable.
type Config struct {
	// MaxInFlight is how many pages this process works on at once, beside one for each integration;
	// default 64. About 1 MB each.
	MaxInFlight int
	// Workers limits the pages of one integration in this process, below the integration's own limit across all
	// fetchers; default MaxInFlight.
	Workers int

	CallTimeout    time.Duration // for one page in all: attempts, waits between them, tokens; default 60 s
	AttemptTimeout time.Duration // for one request and its answer; default 20 s
	ProbeTimeout   time.Duration // for "Test and save" in all; default 10 s
	// MaxAnswer bounds an answer, in bytes; default 8 MiB.
	MaxAnswer int64

	// Sweep is the time between searches for batches and consumers of removed integrations; default 1 min.
	Sweep time.Duration
	// Grace is the time calls under way may take after the service is stopped; default 2 s. Another fetcher handles
	// unfinished batches.
	Grace time.Duration

	Egress egress.Config

	// retryWait is the first wait between two attempts; each further one is about twice as long, up to maxWait.
	retryWait time.Duration
	// catalogWait limits the wait for configuration already seen by a message's sender, before the message is put back.
	catalogWait time.Duration
}

// planners is how many ticks are planned at once.
const planners = 4

// maxWait is the longest wait between two attempts without a Retry-After.
const maxWait = 10 * time.Second

func (c Config) withDefaults() (Config, error) {
	for _, n := range []int64{int64(c.MaxInFlight), int64(c.Workers), c.MaxAnswer, int64(c.CallTimeout),
		int64(c.AttemptTimeout), int64(c.ProbeTimeout), int64(c.Sweep), int64(c.Grace)} {
		if n < 0 {
			return c, errors.New("a number or a duration of the fetcher's configuration is negative")
		}
	}
	c.MaxInFlight = cmp.Or(c.MaxInFlight, 64)
	c.Workers = cmp.Or(c.Workers, c.MaxInFlight)
	c.CallTimeout = cmp.Or(c.CallTimeout, time.Minute)
	c.AttemptTimeout = cmp.Or(c.AttemptTimeout, 20*time.Second)
	c.ProbeTimeout = cmp.Or(c.ProbeTimeout, 10*time.Second)
	c.retryWait = cmp.Or(c.retryWait, 250*time.Millisecond)
	c.MaxAnswer = cmp.Or(c.MaxAnswer, 8<<20)
	c.catalogWait = cmp.Or(c.catalogWait, 5*time.Second)
	c.Sweep = cmp.Or(c.Sweep, time.Minute)
	c.Grace = cmp.Or(c.Grace, 2*time.Second)
	c.Egress.HeaderTimeout = cmp.Or(c.Egress.HeaderTimeout, c.AttemptTimeout)
	return c, nil
}
