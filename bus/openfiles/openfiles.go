// Package openfiles tells how many files and connections this process may have open, and how they are divided: those of
// strangers must leave enough for the store.
package openfiles

import "log/slog"

const (
	// unlimited stands for systems without a limit of their own.
	unlimited = 1 << 20
	// Enough is the least limit that a busy installation needs: a connection to an origin for each request in progress,
	// those of clients, and the files of the store.
	Enough = 4096
)

// Limit returns the soft limit of open files. Go raises it to the hard limit when a process starts.
func Limit() int {
	limit, ok := softLimit()
	if !ok || limit > unlimited {
		return unlimited
	}
	return int(limit)
}

// Share returns the n-th part of the limit, at least 8.
func Share(n int) int { return max(Limit()/n, 8) }

// Warn logs a warning if the limit is below [Enough].
func Warn(log *slog.Logger) {
	if limit := Limit(); limit < Enough {
		log.Warn("the limit of open files is low: connections are closed early when there are many; raise it (ulimit -n, "+
			"LimitNOFILE)",
			"limit", limit, "enough", Enough)
	}
}
