package command

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestCommandsOfTheReadme checks that README.md of plumb lists every command with its help, between two markers.
func TestCommandsOfTheReadme(t *testing.T) {
	const begin, end = "<!-- commands: made from services/plumb/command/main.go -->\n", "<!-- /commands -->"
	parser, err := kong.New(new(grammar), kong.Vars{"min_interval": "1m"})
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("\n| Command | Purpose |\n|---|---|\n")
	for _, node := range parser.Model.Children {
		if !node.Hidden {
			fmt.Fprintf(&table, "| `%s` | %s |\n", node.Name, strings.TrimSuffix(node.Help, "."))
		}
	}
	table.WriteString("\n")
	want := table.String()

	path := filepath.Join("..", "README.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(text), begin)
	shown, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no table of commands between %q and %q", path, strings.TrimSpace(begin), end)
	}
	if update, ok := flag.Lookup("update").Value.(flag.Getter); ok && update.Get() == true {
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if shown != want {
		t.Errorf("the table of commands in %s is out of date; go test ./plumb/command -run TestCommands -update writes it",
			path)
	}
}
