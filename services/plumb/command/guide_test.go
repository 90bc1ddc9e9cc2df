package command

import (
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"plumbline.dev/services/internal/cli"
)

var commandInText = regexp.MustCompile("`plumb ([^`]+)`")

// TestCommandsOfTheGuide checks that the commands and flags of the guide about enforcement exist.
func TestCommandsOfTheGuide(t *testing.T) {
	k, err := kong.New(new(grammar), kong.Name("plumb"), cli.LogAt(slog.LevelWarn), kong.Vars{"min_interval": "1m"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../../deploy/guides/enforcement.md")
	if err != nil {
		t.Fatal(err)
	}
	all := commandInText.FindAllStringSubmatch(string(text), -1)
	for _, m := range all {
		node, words := k.Model.Node, strings.Fields(m[1])
		for len(words) > 0 {
			child := findCommand(node, words[0])
			if child == nil {
				break
			}
			node, words = child, words[1:]
		}
		if node == k.Model.Node || len(node.Children) > 0 {
			t.Errorf("there is no command plumb %s", m[1])
		}
		for _, w := range words {
			if name, _, _ := strings.Cut(w, "="); strings.HasPrefix(w, "-") && findFlag(node, name) == nil {
				t.Errorf("plumb %s: there is no flag %s", m[1], name)
			}
		}
	}
	if len(all) < 20 {
		t.Errorf("only %d commands", len(all))
	}
}
