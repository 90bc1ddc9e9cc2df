package evaluator

import (
	"flag"
	"os"
	"testing"
)

// The interleavings that matter are rare: of the rules in this package's documentation each, left out, fails
// within a few thousand examples, and rapid's default is a hundred.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "2000"); err != nil {
		panic(err)
	}
	flag.Parse()
	os.Exit(m.Run())
}
