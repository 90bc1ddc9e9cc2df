package evaluator

import (
	"flag"
	"os"
	"testing"
)

// The interleavings that matter are rare: rapid's hundred examples find few of them.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "1000"); err != nil {
		panic(err)
	}
	flag.Parse()
	os.Exit(m.Run())
}
