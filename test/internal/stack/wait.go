package stack

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"plumbline.dev/bus/bustest/machine"
)

// Slowness is how much longer a deadline is with the race detector in the binaries.
func Slowness() time.Duration {
	if raceDetector {
		return 4
	}
	return 1
}

// Until asks until ask returns nil, and fails the test with ask's last answer when the time is over. It is
// given more time where the binaries are slower.
func Until(t testing.TB, within time.Duration, what string, ask func() error) {
	t.Helper()
	if err := AskUntil(within*Slowness(), ask); err != nil {
		t.Fatalf("%s: after %v still: %v", what, within*Slowness(), err)
	}
}

// AskUntil is Until outside of a test. What the machine withholds of the time does not count, up to a limit
// for what does not come.
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

// Ready asks the admin port of a process until it says that it is ready.
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

// FreeAddr is a loopback address on which nobody listens, another one each time.
func FreeAddr() (string, error) { return machine.FreeAddr() }
