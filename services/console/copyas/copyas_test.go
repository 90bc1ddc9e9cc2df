package copyas

import (
	"os/exec"
	"strings"
	"testing"

	"plumbline.dev/proto"
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
