package v7

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write what is made of v6 anew")

// The tests of v7 are generated from those of v6; version_test.go has the differences.
func TestMadeOfV6(t *testing.T) {
	for _, name := range []string{"devices_test.go", "enforcement_test.go", "life_test.go", "policytest_test.go",
		"posture_test.go", "tokens_test.go"} {
		b, err := os.ReadFile(filepath.Join("..", "v6", name))
		if err != nil {
			t.Fatal(err)
		}
		for from, to := range map[string]string{"package v6\n": "package v7\n", "cloudflare-go/v6": "cloudflare-go/v7",
			"SDKv6": "SDKv7"} {
			b = bytes.ReplaceAll(b, []byte(from), []byte(to))
		}
		b = append([]byte("// Code generated from ../v6/"+name+" by go test ./sdk/v7 -update; DO NOT EDIT.\n\n"), b...)
		if *update {
			if err := os.WriteFile(name, b, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if have, err := os.ReadFile(name); err != nil || !bytes.Equal(have, b) {
			t.Errorf("%s is not what v6 has (%v); go test ./sdk/v7 -update writes it anew", name, err)
		}
	}
}
