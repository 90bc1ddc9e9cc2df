package bustest_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"plumbline.dev/bus/bustest"
)

// output is a test with a log.
type output struct {
	testing.TB
	bytes.Buffer
}

func (o *output) Output() io.Writer { return &o.Buffer }

func TestAfterItsTestTheLogIsSilent(t *testing.T) {
	var log *slog.Logger
	t.Run("a test", func(t *testing.T) { log = bustest.Log(t) })
	log.Error("a server stops at last") // a test's own output panics
}

func TestTheLogRepeatsNothingForEver(t *testing.T) {
	o := &output{TB: t}
	log := bustest.Log(o).With("server", "n0")
	for n := range 100 {
		log.Info("not written")
		log.Error(fmt.Sprintf("no route to 127.0.0.1:%d", n), "attempt", n)
		log.Warn(fmt.Sprintf("another of '%c' [%c]", 'a'+n%26, 'A'+n%26), "err", fmt.Errorf("e%d", n))
	}
	log.Error("once")
	text := o.String()
	for what, want := range map[string]int{"no route": 3, "another": 3, "once": 1, "server=n0": 7, "not written": 0,
		"similar records are omitted": 2} {
		if got := strings.Count(text, what); got != want {
			t.Errorf("%q is there %d times, want %d, in:\n%s", what, got, want, text)
		}
	}
}
