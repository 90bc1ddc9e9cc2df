package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"plumbline.dev/test/internal/stack"
)

const followers = "bus/README.md"

// follower is a program in another module, with the snippet as the last statement of a function.
const follower = `package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
)

func follow(ctx context.Context) error {
SNIPPET}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := follow(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
`

// TestAnotherModuleFollows builds the Go snippet in a module of its own, beside a clone, with the go.mod of the
// document, and follows an installation with it.
func TestAnotherModuleFollows(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	f.run(t, "credentials", "./plumb follower create soc --data ./plumb-data")

	dir := filepath.Join(f.dir, "follower")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(root(t), filepath.Join(f.dir, "plumbline")); err != nil {
		t.Fatal(err)
	}
	program := strings.Replace(follower, "SNIPPET", f.adapted(text(t, followers, "follow-go")), 1)
	f.write(t, "follower/go.mod", text(t, followers, "go.mod"))
	f.write(t, "follower/main.go", program)
	for _, args := range [][]string{{"mod", "tidy"}, {"build", "-o", "../follow", "."}, {"list", "-deps", "."}} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s\n%s", args, err, out, program)
		}
		if strings.Contains(string(out), "plumbline.dev/services") || strings.Contains(string(out), "nats-server/v2/server") {
			t.Errorf("go %s: a follower brings in our servers:\n%s", args, out)
		}
	}
	f.followed(t, f.start(t, "follower", "exec ./follow"))
}

// bobPasses matches what a follower prints of a change of Bob's device to pass.
var bobPasses = regexp.MustCompile(`(?m)^22222222-?2222-?4222-?8222-?222222222222 .*(->|→) pass`)

// followed polls an API, and waits until a follower shows the first results. Then the check is observed only: the
// follower shows that the failing device passes.
func (f *fixture) followed(t *testing.T, p *stack.Process) {
	t.Helper()
	f.pollOnce(t)
	shows := func(what string, shown func(out string) bool) {
		t.Helper()
		stack.Until(t, soon, "the follower shows "+what, func() error {
			if !p.Running() {
				t.Fatalf("the follower ended: %s%s", p.Output(), p.Log())
			}
			if !shown(p.Output()) {
				return &missing{what, p.Output() + p.Log()}
			}
			return nil
		})
	}
	shows("a pass", func(out string) bool { return strings.Contains(out, "pass") })
	if bobPasses.MatchString(p.Output()) {
		t.Errorf("Bob's device, with a score of 20, passes: %s", p.Output())
	}
	f.run(t, "observe", "./plumb check edit healthy --mode observe")
	shows("that a failing device passes", bobPasses.MatchString)
	p.Kill()
}
