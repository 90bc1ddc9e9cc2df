package bustest

import (
	"context"
	"io"
	"log/slog"
	"regexp"
	"sync"
	"testing"
)

// enough records of a kind tell what there is to tell.
const enough = 3

// Log writes to the test's log, warnings and errors only, and of those that differ in names and numbers
// alone the first few: a server that lost its cluster says so many times a second, and what failed is to be found. What
// comes when the test is over is dropped: a server that is slow to stop may have something to say still.
func Log(t testing.TB) *slog.Logger {
	out := &output{to: t.Output()}
	t.Cleanup(out.close)
	inner := slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelWarn})
	return slog.New(sparing{Handler: inner, seen: new(seen)})
}

// output is where a test's log goes until it is closed: the test's own panics after that.
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
