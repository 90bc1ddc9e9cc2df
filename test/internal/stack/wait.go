package stack

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"plumbline.dev/bus/bustest/machine"
)

// Slowness is the factor for deadlines if the binaries use the race detector.
func Slowness() time.Duration {
	if raceDetector {
		return 4
	}
	return 1
}

// Until calls ask until it returns nil, and fails the test with its last error after the given time. The time is
// multiplied by [Slowness].
func Until(t testing.TB, within time.Duration, what string, ask func() error) {
	t.Helper()
	if err := AskUntil(within*Slowness(), ask); err != nil {
		t.Fatalf("%s: after %v still: %v", what, within*Slowness(), err)
	}
}

// AskUntil is like [Until], without a test. Time during which the process was not scheduled does not count, up to a
// limit.
func AskUntil(within time.Duration, ask func() error) error {
	watch, begin := machine.Start(), time.Now()
	defer watch.Stop()
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		err := ask()
		if err == nil || watch.Elapsed() > within || time.Since(begin) > 5*within+time.Minute {
			return err
		}
		<-time.After(wait)
	}
}

// Ready waits until a process reports on its admin port that it is ready.
func Ready(p *Process, admin string, within time.Duration) error {
	err := AskUntil(within*Slowness(), func() error {
		if !p.Running() {
			return nil
		}
		return get("http://" + admin + "/readyz")
	})
	if err == nil && !p.Running() {
		err = fmt.Errorf("it ended with code %d", p.ExitCode())
	}
	if err != nil {
		return fmt.Errorf("%s does not get ready: %w\n%s", p.name, err, p.Log())
	}
	return nil
}

var quick = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

func get(url string) error {
	resp, err := quick.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b := make([]byte, 300)
		n, _ := resp.Body.Read(b)
		return fmt.Errorf("%s answers %s: %s", url, resp.Status, b[:n])
	}
	return nil
}

// FreeAddr returns an unused loopback address, a different one on each call.
func FreeAddr() (string, error) { return machine.FreeAddr() }
