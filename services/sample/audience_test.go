package sample_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/services/sample"
)

// A file that appears after the start tells the audience, and so does one that changes.
func TestTheAudienceComesByAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audience")
	a := newAPI(t, func(c *sample.Config) { c.Audience, c.AudiencePath = "", path })
	stop := bustest.Run(t, a.Run)
	answers := func(code int) func() bool {
		return func() bool {
			a.clock.Advance(time.Second)
			return a.post(`{"devices":[]}`, a.token).Code == code
		}
	}
	bustest.Eventually(t, "it has no audience", answers(503))
	for text, code := range map[string]int{aud + "\n": 200, "another": 403} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		bustest.Eventually(t, "the audience of the file counts", answers(code))
	}
	stop()
}
