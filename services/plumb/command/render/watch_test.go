package render

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

// watching runs a watch over answers, one every two seconds; after the last it is interrupted.
func watching(t *testing.T, tty bool, answers ...any) (out, problems string, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var o, e strings.Builder
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r := Reading{Output: Output{Format: "table"}, Watch: true, Every: 2 * time.Second}
		n := 0
		err = r.Present(ctx, &cli.Terminal{Out: &o, Err: &e, OutTTY: tty}, func(context.Context) (any, Rows, error) {
			if n == len(answers) {
				cancel()
				return nil, nil, ctx.Err()
			}
			n++
			if err, failed := answers[n-1].(error); failed {
				return nil, nil, err
			}
			return answers[n-1], func(tab *Table) { tab.Row(answers[n-1]) }, nil
		})
		out, problems = o.String(), e.String()
	})
	return out, problems, err
}

// An unchanged result is not repeated. A terminal is redrawn; other outputs are appended to.
func TestWatching(t *testing.T) {
	out, _, err := watching(t, false, "a", "a", "b", "b", "a")
	if out != "a\nb\na\n" || err != nil {
		t.Errorf("%q, %v", out, err)
	}
	out, _, err = watching(t, true, "a", "a", "b")
	if want := "\x1b[H\x1b[2Ja\n\x1b[Hb\x1b[K\n\x1b[J"; out != want || err != nil {
		t.Errorf("%q, want %q, %v", out, want, err)
	}
}

// A restart of the control plane does not end a watch; a rejected request and a failed first request do.
func TestWatchingGoesOn(t *testing.T) {
	away := errors.New("nobody answers")
	out, problems, err := watching(t, false, "a", away, &client.Error{Status: 503, Message: "busy"}, "b")
	if out != "a\nb\n" || !strings.Contains(problems, "nobody answers") || err != nil {
		t.Errorf("%q, %q, %v", out, problems, err)
	}
	if _, _, err := watching(t, false, "a", &client.Error{Status: 403, Message: "no"}, "b"); err == nil {
		t.Error("it went on")
	}
	if _, _, err := watching(t, false, away); !errors.Is(err, away) {
		t.Error(err)
	}
}
