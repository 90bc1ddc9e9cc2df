package storecheck

import (
	"fmt"
	"log/slog"
	"strings"

	"plumbline.dev/services/internal/pagemarks"
)

// Report holds the results of a check.
type Report struct {
	Repaired []string // rebuilt from other streams
	Lost     []string // not derivable
	Accepted []string // lost and accepted
	// Notes are losses without consequences, such as a part of a log.
	Notes []string
}

func (r *Report) repaired(format string, args ...any) {
	r.Repaired = append(r.Repaired, fmt.Sprintf(format, args...))
}

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// shown is the maximum number of losses to name in an error.
const shown = 10

// Err returns an error naming the losses and a remedy, or nil if there are none.
func (r *Report) Err() error {
	if len(r.Lost) == 0 {
		return nil
	}
	some, more := r.Lost, ""
	if len(some) > shown {
		some, more = some[:shown], fmt.Sprintf("; and %d more", len(r.Lost)-shown)
	}
	return fmt.Errorf("the store lost data: %s%s. To go on: %s", strings.Join(some, "; "), more, pagemarks.Remedy)
}

// Log writes the results to a log.
func (r *Report) Log(log *slog.Logger) {
	for _, what := range r.Repaired {
		log.Warn("the store was damaged or rolled back, and was repaired", "what", what)
	}
	for _, what := range r.Notes {
		log.Warn("the store lost messages that nothing depends on", "what", what)
	}
	for _, what := range r.Accepted {
		log.Warn("the store lost data, and the loss was accepted", "what", what)
	}
	for _, what := range r.Lost {
		log.Error("the store lost data", "what", what)
	}
	if len(r.Lost) > 0 {
		log.Error("nothing is ready until the loss is made good or accepted", "do", pagemarks.Remedy)
	}
}
