package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"plumbline.dev/test/internal/stack"
)

// pollLine matches the demo's line for a poll.
var pollLine = regexp.MustCompile(
	`poll (\d+): 3 pages, 2,500 devices: ([\d,]+) pass, ([\d,]+) fail, ([\d,]+) unknown, ([\d,]+) changed, in \S+$`)

// poll holds the figures of such a line.
type poll struct{ tick, pass, fail, unknown, changed int }

// polls returns the complete polls printed by a demo.
func polls(p *stack.Process) (shown []poll) {
	for _, line := range p.Lines() {
		if m := pollLine.FindStringSubmatch(line); m != nil {
			shown = append(shown, poll{number(m[1]), number(m[2]), number(m[3]), number(m[4]), number(m[5])})
		}
	}
	return shown
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
	awaitPolls(t, plumb.Process(), 60*time.Second, "a complete poll", func(shown []poll) bool { return len(shown) > 0 })
	t.Logf("the first complete poll was shown after %v", time.Since(begin).Round(10*time.Millisecond))
	first := awaitPolls(t, plumb.Process(), 30*time.Second, "a poll that changes something", func(shown []poll) bool {
		return shown[len(shown)-1].tick > shown[0].tick && shown[len(shown)-1].changed > 0
	})
	if p := first[0]; p.pass+p.fail+p.unknown != 2*2500 || p.pass == 0 || p.fail == 0 {
		t.Errorf("%+v does not count two results for each device", p)
	}
	awaitGuarded(t, plumb.Process())
	before := countResources(t, plumb)
	end(t, plumb.Process())

	plumb.Start(t)
	last := first[len(first)-1].tick
	again := awaitPolls(t, plumb.Process(), 60*time.Second, "a newer poll", func(shown []poll) bool {
		return shown[len(shown)-1].tick > last
	})
	if again[0].tick < last {
		t.Errorf("the polls %v come after the polls %v", again, first)
	}
	awaitGuarded(t, plumb.Process())
	if after := countResources(t, plumb); after != before {
		t.Errorf("after the first start there was %v, after the second %v", before, after)
	}
	token, err := os.ReadFile(filepath.Join(plumb.Data, "api-token"))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"cfast_", "AGE-SECRET-KEY", strings.TrimSpace(string(token))} {
		if strings.Contains(plumb.Process().Output()+plumb.Process().Log(), secret) {
			t.Errorf("what the demo prints to a pipe holds %q", secret)
		}
	}
	end(t, plumb.Process())
}

// awaitGuarded waits until the demo has shown its new application behind the gateway.
func awaitGuarded(t *testing.T, p *stack.Process) {
	t.Helper()
	stack.Until(t, time.Minute, "a device that passes is admitted, and one that fails is refused", func() error {
		if out := p.Output(); !strings.Contains(out, "200 admitted ") ||
			!strings.Contains(out, "403 refused: posture_failed ") {
			return fmt.Errorf("it printed %s", out)
		}
		return nil
	})
}

// awaitPolls waits until at least one poll is printed and all of them are correct. Their numbers increase.
func awaitPolls(t *testing.T, p *stack.Process, within time.Duration, what string,
	ok func([]poll) bool) (shown []poll) {
	t.Helper()
	stack.Until(t, within, what, func() error {
		if !p.Running() {
			t.Fatalf("the demo ended with code %d", p.ExitCode())
		}
		if shown = polls(p); len(shown) == 0 || !ok(shown) {
			return fmt.Errorf("it printed %+v", shown)
		}
		return nil
	})
	for i := range shown[1:] {
		if shown[i+1].tick <= shown[i].tick {
			t.Errorf("it printed %+v", shown)
		}
	}
	return shown
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

// countResources counts the resources created by the demo.
func countResources(t *testing.T, p *stack.Plumb) string {
	t.Helper()
	control, err := p.Control()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, path := range []string{"/devices/posture/integration", "/devices/posture", "/access/service_tokens",
		"/access/apps"} {
		var all []any
		if err := control.Call(t.Context(), "GET", path, nil, &all); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "%s: %d\n", path, len(all))
	}
	return text.String()
}
