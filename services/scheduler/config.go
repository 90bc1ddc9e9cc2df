package scheduler

import (
	"fmt"
	"time"
)

// maxSleep bounds how long the scheduler sleeps before it reads the clock again.
const maxSleep = 5 * time.Second

// Config holds the operator's settings. The zero value is usable.
type Config struct {
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
	if c.Concurrency < 0 {
		return c, fmt.Errorf("concurrency must not be negative, is %d", c.Concurrency)
	}
	if c.Concurrency == 0 {
		c.Concurrency = 32
	}
	return c, nil
}
