package lifecycle

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type recorder struct {
	mu    sync.Mutex
	lines []string
}

func (r *recorder) note(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, s)
}

func (r *recorder) part(name string) func(context.Context) error {
	return func(ctx context.Context) error {
		<-ctx.Done()
		r.note("stop " + name)
		return nil
	}
}

func TestStopsInReverse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		var g Group
		for _, name := range []string{"a", "b", "c"} {
			g.Add(name, r.part(name))
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-time.After(time.Second); cancel() }()
		if err := g.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if want := []string{"stop c", "stop b", "stop a"}; !slices.Equal(r.lines, want) {
			t.Errorf("%v, want %v", r.lines, want)
		}
	})
}

func TestAFailureStopsTheRestAndIsReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		var g Group
		g.Add("a", r.part("a"))
		g.Add("b", func(context.Context) error { return errors.New("broke") })
		g.Add("c", r.part("c"))
		err := g.Run(t.Context())
		if err == nil || err.Error() != "b: broke" {
			t.Errorf("error %v", err)
		}
		if want := []string{"stop c", "stop a"}; !slices.Equal(r.lines, want) {
			t.Errorf("%v, want %v", r.lines, want)
		}
	})
}

func TestAPartThatEndsUnaskedIsAFailure(t *testing.T) {
	var g Group
	g.Add("a", func(context.Context) error { return nil })
	if err := g.Run(t.Context()); err == nil {
		t.Error("no error")
	}
}

func TestAPartThatHangsIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		g := Group{Timeout: time.Second}
		release := make(chan struct{})
		g.Add("a", r.part("a"))
		g.Add("hangs", func(context.Context) error { <-release; return nil })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		err := g.Run(ctx)
		if err == nil || !strings.Contains(err.Error(), "hangs did not stop") {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start); took != time.Second || len(r.lines) != 1 {
			t.Errorf("took %v, %v", took, r.lines)
		}
		close(release)
	})
}
