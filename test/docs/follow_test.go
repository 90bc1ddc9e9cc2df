package docs

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strings"
	"testing"

	"plumbline.dev/test/internal/stack"
)

// maxLines is the number of lines that a follower without our modules may have.
const maxLines = 30

func TestFollowersAreShort(t *testing.T) {
	for _, name := range []string{"follow-nats-go", "follow-python", "follow-javascript", "follow-shell"} {
		lines := 0
		for line := range strings.Lines(text(t, followers, name)) {
			if strings.TrimSpace(line) != "" {
				lines++
			}
		}
		if lines == 0 || lines > maxLines {
			t.Errorf("%s has %d lines, want 1 to %d", name, lines, maxLines)
		}
	}
}

// bareImports is the part of the Go follower that the document leaves out.
const bareImports = `package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/vmihailenco/msgpack/v5"
)

`

// TestGoFollowsWithoutModules builds the Go follower without our modules: it imports nats.go and msgpack.
func TestGoFollowsWithoutModules(t *testing.T) {
	f := newFixture(t)
	f.up(t)
	program := bareImports + f.withConsumer(t, "go", text(t, followers, "follow-nats-go"))
	f.agrees(t, "exec "+build(t, "bus", program))
}

// withConsumer creates a follower, and returns a program with the addresses and the consumer of this installation.
func (f *fixture) withConsumer(t *testing.T, name, program string) string {
	t.Helper()
	out := f.run(t, "credentials", "./plumb follower create "+name+" --data ./plumb-data")
	_, consumer, found := strings.Cut(strings.TrimSpace(out), "consumer: ")
	if !found || !strings.HasPrefix(consumer, "follow_"+name+"_") {
		t.Fatalf("plumb follower create does not show the consumer:\n%s", out)
	}
	adapted := strings.ReplaceAll(f.adapted(program), "follow_"+name+"_KEY", consumer)
	if !strings.Contains(adapted, consumer) {
		t.Fatalf("the program names no consumer follow_%s_KEY:\n%s", name, program)
	}
	return adapted
}

// agrees runs a follower on an installation with results. What it prints agrees with plumb status: the snapshot, and
// then the changes, of which some remove results. A second run begins with a snapshot without the removed results.
func (f *fixture) agrees(t *testing.T, script string, env ...string) {
	t.Helper()
	f.pollOnce(t)
	f.run(t, "another check", "./plumb check create --name spare --integration EDR --operator '>=' --score 10 &&"+
		" ./plumb poll EDR")
	token, exports, _ := strings.Cut(text(t, followers, "results-token"), "\n")
	f.run(t, "token", token)
	script = exports + script
	p := f.start(t, "follower", script, env...)
	f.agree(t, p, counts{"pass": 3, "fail": 1})
	f.run(t, "observe", "./plumb check edit healthy --mode observe && ./plumb poll EDR")
	f.agree(t, p, counts{"pass": 4})
	f.run(t, "remove", "./plumb check delete spare --yes && ./plumb poll EDR")
	f.agree(t, p, counts{"pass": 2})
	p.Kill()

	p = f.start(t, "follower again", script, env...)
	f.agree(t, p, counts{"pass": 2})
	f.run(t, "enforce", "./plumb check edit healthy --mode enforce && ./plumb poll EDR")
	f.agree(t, p, counts{"pass": 1, "fail": 1})
	p.Kill()
}

// counts are the results by outcome.
type counts map[string]int

// agree waits until the results printed by a follower, and those of plumb status, are the wanted ones.
func (f *fixture) agree(t *testing.T, p *stack.Process, want counts) {
	t.Helper()
	stack.Until(t, soon, fmt.Sprintf("the follower and plumb status have %v", want), func() error {
		if !p.Running() {
			t.Fatalf("the follower ended: %s%s", p.Output(), p.Log())
		}
		printed, err := folded(p.Output())
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(printed, want) {
			return fmt.Errorf("the follower has %v: %s%s", printed, p.Output(), p.Log())
		}
		if status := f.status(t); !maps.Equal(status, want) {
			return fmt.Errorf("plumb status has %v", status)
		}
		return nil
	})
}

// folded returns the results after the lines that a follower printed: device, check, outcome and reason. The last line
// may be incomplete.
func folded(output string) (counts, error) {
	outcomes := map[string]string{}
	for line := range strings.Lines(output) {
		words := strings.Fields(line)
		switch {
		case !strings.HasSuffix(line, "\n"):
		case len(words) != 4:
			return nil, fmt.Errorf("the follower prints %q", line)
		case strings.HasSuffix(words[3], "removed"):
			delete(outcomes, words[0]+words[1])
		default:
			outcomes[words[0]+words[1]] = words[2]
		}
	}
	all := counts{}
	for _, outcome := range outcomes {
		all[outcome]++
	}
	return all, nil
}

// status returns the counts of plumb status.
func (f *fixture) status(t *testing.T) counts {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "./plumb", "status", "-o", "json")
	cmd.Dir, cmd.Env = f.dir, append(os.Environ(), f.env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("plumb status: %v %s", err, out)
	}
	var all []struct{ Poll map[string]any }
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatalf("plumb status: %v %s", err, out)
	}
	sum := counts{}
	for _, integration := range all {
		for _, outcome := range []string{"pass", "fail", "unknown"} {
			if n, ok := integration.Poll[outcome].(float64); ok && n > 0 {
				sum[outcome] += int(n)
			}
		}
	}
	return sum
}
