package evaluator

import (
	"fmt"
	"time"
)

// Config is how an evaluator works. The zero value is the default.
type Config struct {
	// Workers is how many pages are evaluated at once, 8 by default, 64 at most. A worker mostly waits for
	// the server to store its entry.
	Workers int
	// Remember is the number of pages with their newest entry in memory, 1,024 by default; each takes about 100 KB at
	// 1,000 devices. Entries of further pages are read for every poll.
	Remember int
	// Sweep is the time between two searches for expired results, a second by default.
	Sweep time.Duration
}

const maxWorkers = 64

func (c *Config) validate() error {
	if c.Workers == 0 {
		c.Workers = 8
	}
	if c.Remember == 0 {
		c.Remember = 1024
	}
	if c.Sweep == 0 {
		c.Sweep = time.Second
	}
	switch {
	case c.Workers < 1 || c.Workers > maxWorkers:
		return fmt.Errorf("evaluator: %d workers, give 1 to %d", c.Workers, maxWorkers)
	case c.Remember < 1:
		return fmt.Errorf("evaluator: %d pages to remember, give at least 1", c.Remember)
	case c.Sweep < 10*time.Millisecond:
		return fmt.Errorf("evaluator: a sweep every %v, give at least 10ms", c.Sweep)
	}
	return nil
}
