package bustest_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"plumbline.dev/bus/bustest"
)

func TestTookIsTheTimeOfAMachineThatIsQuick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if took := bustest.Took(func() { <-time.After(1234 * time.Millisecond) }); took != 1234*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

func TestTookLeavesOutWhatTheMachineTook(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	begin := time.Now()
	took := bustest.Took(func() {
		for range 5 { // nobody else runs for most of the time
			for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); {
			}
			<-time.After(time.Millisecond)
		}
	})
	if wall := time.Since(begin); took < 0 || took > wall*3/4 {
		t.Errorf("took %v of %v", took, wall)
	}
}

func TestFreeAddressesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 50 {
		addr, err := bustest.FreeAddr()
		if err != nil || seen[addr] {
			t.Fatalf("%s again, %v", addr, err)
		}
		seen[addr] = true
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
}

// output is a test's log.
type output struct {
	testing.TB
	bytes.Buffer
}

func (o *output) Output() io.Writer { return &o.Buffer }

func TestTheLogRepeatsNothingForEver(t *testing.T) {
	o := &output{TB: t}
	log := bustest.Log(o).With("server", "n0")
	for n := range 100 {
		log.Info("not written")
		log.Error(fmt.Sprintf("no route to 127.0.0.1:%d", n), "attempt", n)
		log.Warn("another")
	}
	log.Error("once")
	text := o.String()
	for what, want := range map[string]int{"no route": 5, "another": 5, "once": 1, "server=n0": 11, "not written": 0, "what else is like this": 2} {
		if got := strings.Count(text, what); got != want {
			t.Errorf("%q is there %d times, want %d, in:\n%s", what, got, want, text)
		}
	}
}
