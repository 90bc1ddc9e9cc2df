package storecheck

import (
	"fmt"
	"log/slog"
	"strings"

	"plumbline.dev/services/internal/pagemarks"
)

// Report is what a check found.
type Report struct {
	Repaired []string // what was derived again
	Lost     []string // what cannot be derived
	Accepted []string // what was lost and is accepted
	// Notes are losses that nothing depends on, such as a part of a log.
	Notes []string
}

func (r *Report) repaired(format string, args ...any) {
	r.Repaired = append(r.Repaired, fmt.Sprintf(format, args...))
}

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// shown is how many losses an error names.
const shown = 10

// Err returns an error that names what is lost and what to do about it; nil if nothing is.
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

// Log writes what was found.
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
