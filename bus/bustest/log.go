package bustest

import (
	"context"
	"io"
	"log/slog"
	"regexp"
	"sync"
	"testing"
)

// enough is the number of similar log records to print.
const enough = 3

// Log returns a logger to the test's log, for warnings and errors only. Of records differing only in names and
// numbers it prints the first few: a server cut off from its cluster repeats itself many times per second and would
// hide the failure. Records after the end of the test are dropped, as a server may still log while it stops.
func Log(t testing.TB) *slog.Logger {
	out := &output{to: t.Output()}
	t.Cleanup(out.close)
	inner := slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelWarn})
	return slog.New(sparing{Handler: inner, seen: new(seen)})
}

// output is the destination of a test's log until it is closed. Writing to the test's own output after the test
// panics.
type output struct {
	mu sync.Mutex
	to io.Writer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.to == nil {
		return len(b), nil
	}
	return o.to.Write(b)
}

func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.to = nil
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
		r.Message += " (similar records are omitted)"
	}
	return s.Handler.Handle(ctx, r)
}

// names matches the parts in which similar records differ: quoted text, text in brackets, and words with digits.
var names = regexp.MustCompile(`'[^']*'|\[[^]]*\]|\S*[0-9]\S*`)

// kindOf returns the text of a record without names.
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
