package requestid_test

import (
	"regexp"
	"testing"

	"plumbline.dev/services/internal/requestid"
)

func TestNew(t *testing.T) {
	form, seen := regexp.MustCompile(`^[0-9a-f]{16}$`), map[string]bool{}
	for range 1000 {
		id := requestid.New()
		if !form.MatchString(id) || seen[id] {
			t.Fatalf("%q, after %d others", id, len(seen))
		}
		seen[id] = true
	}
}
