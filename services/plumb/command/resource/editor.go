package resource

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
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/document"
)

// ErrNothing is returned by a command without a change and without an editor.
var ErrNothing = cli.Usage("no change was given: set at least one flag, or run this on a terminal to use an editor")

// canEdit reports whether an editor can be opened: one is configured, or the command runs on a terminal.
func canEdit(t *cli.Terminal) bool { return cli.Editor() != "" || t.InTTY && t.OutTTY }

// editByName opens the resource with an id or a name in an editor.
func (k Kind[T]) editByName(ctx context.Context, t *cli.Terminal, r *remote.Flags, o *render.Output,
	name string) error {
	if !canEdit(t) {
		return ErrNothing
	}
	cl, err := r.Client()
	if err != nil {
		return err
	}
	all := k.Collection(cl)
	item, err := all.Current(ctx, name)
	if err != nil {
		return err
	}
	return k.edit(ctx, t, all, o, item)
}

// edit opens a resource in the user's editor, as YAML, and sends it back. The request fails if the resource
// has changed since it was read. If the change fails, the user's file is kept and the error names it.
func (k Kind[T]) edit(ctx context.Context, t *cli.Terminal, all client.Collection[T], o *render.Output,
	item client.Item[T]) error {
	if !canEdit(t) {
		return ErrNothing
	}
	before, err := writable(item.Raw)
	if err != nil {
		return err
	}
	path, err := editFile(ctx, t, item.Value.ResourceName(), before)
	if err != nil {
		return err
	}
	after, err := readEdited(path)
	if err != nil {
		return fmt.Errorf("%w; your changes are kept in %s", err, path)
	}
	if reflect.DeepEqual(after, before) {
		os.Remove(path)
		_, err := fmt.Fprintln(t.Err, "nothing was changed")
		return err
	}
	if all.Merges() {
		nullRemoved(before, after)
	} else {
		nullRemovedExtensions(before, after)
	}
	if item, err = all.Replace(ctx, item.Value.ResourceID(), item.Revision, after); err != nil {
		return fmt.Errorf("%w; your changes are kept in %s", err, path)
	}
	os.Remove(path)
	return k.Print(t, o, item)
}

// editFile writes an object to a new temporary file, with mode 0600, and opens it in the editor. It returns the path of
// the file, which the caller removes.
func editFile(ctx context.Context, t *cli.Terminal, name string, body map[string]any) (string, error) {
	text, err := editorText(name, body)
	if err != nil {
		return "", err
	}
	file, err := os.CreateTemp("", "plumb-*.yaml")
	if err != nil {
		return "", err
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
		return "", err
	}
	return path, nil
}

// nullRemoved sets each member of before that after lacks to null in after, because the control plane keeps omitted
// members.
func nullRemoved(before, after map[string]any) {
	for name, was := range before {
		is, there := after[name]
		if !there {
			after[name] = nil
			continue
		}
		inner, isObject := is.(map[string]any)
		if outer, wasObject := was.(map[string]any); isObject && wasObject {
			nullRemoved(outer, inner)
		}
	}
}

// nullRemovedExtensions sets the members of Plumbline's own that after lacks to null in after. The control plane keeps
// them if they are omitted, because a client of Cloudflare's does not know them.
func nullRemovedExtensions(before, after map[string]any) {
	for name := range before {
		if _, there := after[name]; !there && strings.HasPrefix(name, "x_") {
			after[name] = nil
		}
	}
}

const editorHead = `# %s
# Save and quit to apply your changes. Quit without a change to leave the resource as it is.
# Secrets are not shown. They stay unless you enter new ones.
`

func editorText(name string, body map[string]any) ([]byte, error) {
	js, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	text, err := document.YAML(js)
	return append(fmt.Appendf(nil, editorHead, render.Clean(name)), text...), err
}

// runEditor runs the editor on the terminal and waits for it. The editor's value is a shell command: it may have
// arguments.
func runEditor(ctx context.Context, t *cli.Terminal, path string) error {
	editor := cmp.Or(cli.Editor(), "vi")
	cmd := exec.CommandContext(ctx, "sh", "-c", editor+` "$1"`, "editor", path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = t.In, t.Out, t.Err
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("editor %q: %w; nothing was changed", strings.Fields(editor)[0], err)
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

// writable returns a resource as a request may send it back, without owned members and without the placeholder for a
// secret. A reusable policy of an application becomes a reference: its content is changed as a policy.
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
		delete(config, "client_secret")
	}
	return body, nil
}
