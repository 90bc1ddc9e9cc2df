package evaluator

import (
	"flag"
	"os"
	"testing"
)

// The interleavings that matter are rare: of the rules in this package's documentation each, left out, fails
// within a few thousand examples, and rapid's default is a hundred. With the race detector, which takes gigabytes for
// so many, a quarter of them looks for races.
func TestMain(m *testing.M) {
	checks := "2000"
	if raceDetector {
		checks = "500"
	}
	if err := flag.Set("rapid.checks", checks); err != nil {
		panic(err)
	}
	flag.Parse()
	os.Exit(m.Run())
}
