package bustest

import (
	"context"
	"log/slog"
	"regexp"
	"sync"
	"testing"
)

// enough records of a kind tell what there is to tell.
const enough = 3

// Log writes to the test's log, warnings and errors only, and of those that differ in names and numbers
// alone the first few: a server that lost its cluster says so many times a second, and what failed is to be found.
func Log(t testing.TB) *slog.Logger {
	inner := slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})
	return slog.New(sparing{Handler: inner, seen: new(seen)})
}

type sparing struct {
	slog.Handler
	seen *seen
}

func (s sparing) WithAttrs(attrs []slog.Attr) slog.Handler {
	return sparing{Handler: s.Handler.WithAttrs(attrs), seen: s.seen}
}

func (s sparing) WithGroup(name string) slog.Handler {
	return sparing{Handler: s.Handler.WithGroup(name), seen: s.seen}
}

func (s sparing) Handle(ctx context.Context, r slog.Record) error {
	kind := kindOf(r)
	switch n := s.seen.count(kind); {
	case n > enough:
		return nil
	case n == enough:
		r.Message += " (and what else is like this)"
	}
	return s.Handler.Handle(ctx, r)
}

// names are what differs between records of a kind: what is quoted, in brackets, or has a digit.
var names = regexp.MustCompile(`'[^']*'|\[[^]]*\]|\S*[0-9]\S*`)

// kindOf is what a record says, without names.
func kindOf(r slog.Record) string {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += " " + a.String()
		return true
	})
	return names.ReplaceAllString(text, "")
}

type seen struct {
	mu    sync.Mutex
	kinds map[string]int
}

func (s *seen) count(kind string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kinds == nil {
		s.kinds = map[string]int{}
	}
	s.kinds[kind]++
	return s.kinds[kind]
}
