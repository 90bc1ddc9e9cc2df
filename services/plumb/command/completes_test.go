package command

import (
	"testing"

	"github.com/alecthomas/kong"
	"plumbline.dev/services/plumb/client"
)

// TestCompletesTags checks that each tag "completes" is a kind of names, and that arguments called after a kind have
// it.
func TestCompletesTags(t *testing.T) {
	parser, err := kong.New(new(grammar), kong.Vars{"min_interval": "1m"})
	if err != nil {
		t.Fatal(err)
	}
	tagged := 0
	check := func(v *kong.Value) {
		kind := client.Kind(v.Tag.Get("completes"))
		if kind == "" {
			return
		}
		tagged++
		if kind.Label() == "" && kind != kindContext && kind != kindPermission && kind != kindDevice {
			t.Errorf("%s completes %q, which is no kind", v.Name, kind)
		}
	}
	err = kong.Visit(parser.Model, func(n kong.Visitable, next kong.Next) error {
		switch n := n.(type) {
		case *kong.Flag:
			check(n.Value)
		case *kong.Value:
			check(n)
		}
		return next(nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	if tagged == 0 {
		t.Error("no argument or flag has a tag: the test sees none of them")
	}
}
