package copyas

import (
	"os/exec"
	"strings"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/plumb/document"
	"plumbline.dev/services/plumb/reference"
)

// TestShellQuotes has a shell read what was quoted.
func TestShellQuotes(t *testing.T) {
	for _, s := range []string{"", "plain", "a b", "it's", "$(touch x)", "`id`", "a\nb", `"><script>`, "ä", "*", "~", "!x", "-flag=1"} {
		out, err := exec.Command("sh", "-c", "printf %s "+Shell(s)).Output()
		if err != nil || string(out) != s {
			t.Errorf("%q: %q, %v", s, out, err)
		}
	}
}

// TestYAMLHasNoReferences reads a document as plumb apply does.
func TestYAMLHasNoReferences(t *testing.T) {
	for _, s := range []string{"${env:PLUMB_TOKEN}", "a $${file:/x} b", "${env:${env:A}}", "$$", `"\`, "a\n${env:A}",
		"<é>"} {
		docs, err := document.Parse("f", strings.NewReader(YAML("tag", s, "x: "+Quoted(s)).Text))
		if err != nil || len(docs) != 1 || docs[0].Name != s {
			t.Errorf("%q: %v %v", s, docs, err)
			continue
		}
		text, _ := docs[0].Spec["x"].(string)
		got, err := reference.Expand(text, func(kind, name string) (string, error) { return "looked up", nil })
		if got != s || err != nil {
			t.Errorf("%q became %q: %v", s, got, err)
		}
	}
}

func TestTexts(t *testing.T) {
	account := proto.NewAccount()
	for name, c := range map[string]struct {
		got  Text
		want string
	}{
		"a create":   {Curl(account, "POST", "/access/tags", map[string]string{"name": "it's"}), `{` + "\n" + `  "name": "it'\''s"` + "\n}'"},
		"an action":  {Curl(account, "POST", "/access/keys/rotate", nil), "-X POST"},
		"a deletion": {Curl(account, "DELETE", "/access/tags/a", nil), "curl -X DELETE"},
		"plumb":      {Plumb("token", "create", "--name", "a b"), "plumb token create --name 'a b'"},
		"YAML":       {YAML("tag", `a"b`, "x: 1"), "kind: tag\nname: \"a\\\"b\"\nspec:\n  x: 1\n"},
		"Terraform":  {Terraform("cloudflare_x", "name = "+HCL("${evil} %{if} <")), `name = "$${evil} %%{if} <"`},
	} {
		if !strings.Contains(c.got.Text, c.want) {
			t.Errorf("%s: %s", name, c.got.Text)
		}
	}
}
