package e2e_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"plumbline.dev/test/internal/stack"
)

// elsewhere are flags of services not needed by plumb up: it creates these files under --data, has its own server and
// console, or needs no other value for a bound on one machine.
var elsewhere = []string{
	"--identity", "--seal-to", "--seal-gateway", "--seal-dispatcher", "--session-key",
	"--nats-url", "--nats-creds", "--nats-ping", "--console-url",
	"--max-pages", "--max-bytes", "--workers", "--remember", "--sweep",
}

var aFlag = regexp.MustCompile(`(?m)^ *(?:-\w, )?(--[a-z0-9-]+)`)

func flagsOf(t *testing.T, name string, args ...string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), stack.Binary(t, name), append(args, "--help")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range aFlag.FindAllStringSubmatch(string(out), -1) {
		all = append(all, m[1])
	}
	return all
}

// Every flag of a service's own binary is a flag of plumb up with the same name, and services/plumb/README.md documents
// every flag.
func TestPlumbUpTakesWhatTheServicesTake(t *testing.T) {
	up := flagsOf(t, "plumb", "up")
	for _, service := range []string{"scheduler", "registry", "fetcher", "evaluator", "exchange", "gateway", "api",
		"dispatcher"} {
		for _, flag := range flagsOf(t, service) {
			if slices.Contains(up, flag) == slices.Contains(elsewhere, flag) {
				t.Errorf("%s of the %s: plumb up should have it, or there is a reason why not", flag, service)
			}
		}
	}
	readme, err := os.ReadFile("../../services/plumb/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range up {
		if flag != "--help" && !strings.Contains(string(readme), "`"+flag+"`") {
			t.Errorf("services/plumb/README.md does not document plumb up %s", flag)
		}
	}
}
