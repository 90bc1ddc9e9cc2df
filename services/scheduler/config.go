package scheduler

import (
	"fmt"
	"time"
)

// Config is what an operator decides about the scheduler. The zero value is usable.
type Config struct {
	// Idle is how long the scheduler sleeps at most before it looks at the clock again; 0 means 5 s.
	Idle time.Duration
	// Concurrency is how many integrations' ticks are read and published at once; 0 means 32.
	Concurrency int
	// MinInterval is how long after an integration's newest tick a change of its schedule is polled, at least; 0:
	// at once.
	MinInterval time.Duration
}

func (c Config) withDefaults() (Config, error) {
	if c.MinInterval < 0 {
		return c, fmt.Errorf("the shortest interval cannot be %v", c.MinInterval)
	}
	if c.Idle < 0 || c.Concurrency < 0 {
		return c, fmt.Errorf("the scheduler cannot sleep for %v or work on %d integrations at once", c.Idle, c.Concurrency)
	}
	if c.Idle == 0 {
		c.Idle = 5 * time.Second
	}
	if c.Concurrency == 0 {
		c.Concurrency = 32
	}
	return c, nil
}
