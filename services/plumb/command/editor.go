package command

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"strings"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/ownedmember"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/document"
)

var errNothing = cli.Usage("nothing to change was given")

// canEdit tells whether there is an editor to ask for: one that is named, or a person at a terminal.
func canEdit(t *cli.Terminal) bool { return cli.Editor() != "" || t.InTTY && t.OutTTY }

// edit finds a resource and has it changed in an editor.
func edit[T client.Named](ctx context.Context, t *cli.Terminal, r *remote, o *output, of func(*client.Client) client.Collection[T], name string, fields func(*table, T)) error {
	if !canEdit(t) {
		return errNothing
	}
	cl, err := r.client()
	if err != nil {
		return err
	}
	item, err := of(cl).Current(ctx, name)
	if err != nil {
		return err
	}
	return inEditor(ctx, t, o, of(cl), item, fields)
}

// inEditor has a resource changed in the person's editor, as YAML, and sends it back; that is refused where
// somebody else changed it meanwhile. What was written is kept in its file unless it was taken.
func inEditor[T client.Named](ctx context.Context, t *cli.Terminal, o *output, r client.Collection[T], item client.Item[T], fields func(*table, T)) error {
	if !canEdit(t) {
		return errNothing
	}
	before, err := writable(item.Raw)
	if err != nil {
		return err
	}
	text, err := editorText(item.Value.ResourceName(), before)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", "plumb-*.yaml") // of mode 0600
	if err != nil {
		return err
	}
	path := file.Name()
	_, err = file.Write(text)
	if failed := file.Close(); err == nil {
		err = failed
	}
	if err == nil {
		err = runEditor(ctx, t, path)
	}
	if err != nil {
		os.Remove(path)
		return err
	}
	after, err := readEdited(path)
	if err != nil {
		return fmt.Errorf("%w; it is kept in %s", err, path)
	}
	if reflect.DeepEqual(after, before) {
		os.Remove(path)
		_, err := fmt.Fprintln(t.Err, "nothing was changed")
		return err
	}
	if r.Merges() {
		takeAway(before, after)
	}
	if item, err = r.Replace(ctx, item.Value.ResourceID(), item.Revision, after); err != nil {
		return fmt.Errorf("%w; what you wrote is kept in %s", err, path)
	}
	os.Remove(path)
	return one(t, o, item, fields)
}

// takeAway says of what is not there any more that it goes, for who keeps what is not mentioned.
func takeAway(before, after map[string]any) {
	for name, was := range before {
		is, there := after[name]
		if !there {
			after[name] = nil
			continue
		}
		inner, isObject := is.(map[string]any)
		if outer, wasObject := was.(map[string]any); isObject && wasObject {
			takeAway(outer, inner)
		}
	}
}

func editorText(name string, body map[string]any) ([]byte, error) {
	js, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	text, err := document.YAML(js)
	head := fmt.Sprintf("# %s\n# Save and leave to change it; leave it as it is to change nothing.\n# Secrets are not shown and stay, unless you write them.\n", clean(name))
	return append([]byte(head), text...), err
}

// runEditor waits for the editor, which has the terminal.
func runEditor(ctx context.Context, t *cli.Terminal, path string) error {
	editor := cmp.Or(cli.Editor(), "vi")
	cmd := exec.CommandContext(ctx, "sh", "-c", editor+` "$1"`, "editor", path) // an editor can have arguments
	cmd.Stdin, cmd.Stdout, cmd.Stderr = t.In, t.Out, t.Err
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the editor %q: %w; nothing was changed", strings.Fields(editor)[0], err)
	}
	return nil
}

func readEdited(path string) (map[string]any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return document.Object(bytes.NewReader(text))
}

// writable is a resource as it can be sent back: without what only the control plane writes. Policies that an
// application shares with others are changed as policies.
func writable(raw json.RawMessage) (map[string]any, error) {
	var body client.Object
	if err := json.Unmarshal(raw, &body); err != nil {
		return nil, err
	}
	policies, _ := body["policies"].([]any)
	for n, p := range policies {
		if p, ok := p.(map[string]any); ok && p["reusable"] == true {
			policies[n] = map[string]any{"id": p["id"], "name": p["name"], "precedence": p["precedence"]}
		}
	}
	ownedmember.StripFixed(body)
	if config, ok := body["config"].(map[string]any); ok {
		delete(config, "client_secret") // what an answer has in its place is none
	}
	return body, nil
}
