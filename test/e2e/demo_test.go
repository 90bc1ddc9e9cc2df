package e2e_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"plumbline.dev/test/internal/stack"
)

// pollLine is the line that the demo prints for each poll.
var pollLine = regexp.MustCompile(`poll (\d+): 3 pages, 2,500 devices: ([\d,]+) pass, ([\d,]+) fail, ([\d,]+) unknown, ([\d,]+) changed, in \S+$`)

// polls are the ticks of the complete polls that a demo printed.
func polls(p *stack.Process) (ticks []int, lines []string) {
	for _, line := range p.Lines() {
		if m := pollLine.FindStringSubmatch(line); m != nil {
			tick, _ := strconv.Atoi(m[1])
			ticks, lines = append(ticks, tick), append(lines, line)
		}
	}
	return ticks, lines
}

func number(s string) int {
	n, _ := strconv.Atoi(strings.ReplaceAll(s, ",", ""))
	return n
}

// The README's first command: within a minute it shows a poll of 2,500 devices, Ctrl-C ends it, and the next
// start goes on where it stopped.
func TestTheDemoPollsAndGoesOnWhereItStopped(t *testing.T) {
	plumb, err := stack.New("demo", filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	plumb.Start(t)
	awaitPolls(t, plumb.Process(), 60*time.Second, 1)
	t.Logf("the first complete poll was shown after %v", time.Since(begin).Round(10*time.Millisecond))
	awaitPolls(t, plumb.Process(), 30*time.Second, 2) // five seconds apart; the scores have drifted
	first, lines := polls(plumb.Process())
	m := pollLine.FindStringSubmatch(lines[0])
	if pass, fail, unknown := number(m[2]), number(m[3]), number(m[4]); pass+fail+unknown != 2*2500 || pass == 0 || fail == 0 {
		t.Errorf("%q does not count two results for each device", lines[0])
	}
	if number(pollLine.FindStringSubmatch(lines[1])[5]) == 0 {
		t.Errorf("%q: nothing changes any more", lines[1])
	}
	before := countResources(t, plumb)

	end(t, plumb.Process())
	plumb.Start(t)
	awaitPolls(t, plumb.Process(), 60*time.Second, 1)
	again, _ := polls(plumb.Process())
	if again[0] <= first[len(first)-1] {
		t.Errorf("the polls %v come after the polls %v", again, first)
	}
	if after := countResources(t, plumb); after != before {
		t.Errorf("after the first start there was %v, after the second %v", before, after)
	}
	for _, secret := range []string{"cfast_", "AGE-SECRET-KEY", "SUA"} {
		if strings.Contains(plumb.Process().Output()+plumb.Process().Log(), secret) {
			t.Errorf("what the demo prints to a pipe holds %q", secret)
		}
	}
	end(t, plumb.Process())
}

func awaitPolls(t *testing.T, p *stack.Process, within time.Duration, count int) {
	t.Helper()
	stack.Until(t, within, "polls that are printed", func() error {
		if !p.Running() {
			t.Fatalf("the demo ended with code %d", p.ExitCode())
		}
		if ticks, _ := polls(p); len(ticks) < count {
			return fmt.Errorf("%d of %d", len(ticks), count)
		}
		return nil
	})
}

// end is Ctrl-C.
func end(t *testing.T, p *stack.Process) {
	t.Helper()
	begin := time.Now()
	code, err := p.Interrupt(5 * time.Second * stack.Slowness())
	if err != nil || code != 0 {
		t.Fatalf("Ctrl-C: code %d, %v", code, err)
	}
	t.Logf("Ctrl-C ended it after %v", time.Since(begin).Round(10*time.Millisecond))
}

// countResources counts what the demo sets up.
func countResources(t *testing.T, p *stack.Plumb) string {
	t.Helper()
	control, err := p.Control()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, path := range []string{"/devices/posture/integration", "/devices/posture", "/access/service_tokens", "/access/apps"} {
		var all []any
		if err := control.Call(t.Context(), "GET", path, nil, &all); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "%s: %d\n", path, len(all))
	}
	return text.String()
}
