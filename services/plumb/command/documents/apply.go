package documents

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"plumbline.dev/bus/creds"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/apply"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
	"plumbline.dev/services/plumb/document"
)

// Apply is the command plumb apply.
type Apply struct {
	remote.Flags
	render.Output
	File   []string `short:"f" required:"" env:"-" sep:"none" help:"YAML or JSON file, or directory of such files; - is standard input. Repeatable." placeholder:"PATH"`
	DryRun bool     `env:"-" help:"Show the changes without making them. Exit code 6 if there are any."`
	resource.Confirmation
	Prune     bool   `env:"-" help:"Delete resources without a document; see above."`
	Secrets   bool   `env:"-" help:"Send every secret, not only those of changed resources."`
	TokensDir string `type:"path" env:"-" help:"Directory for the credentials of new service tokens." placeholder:"DIR"`
}

// Help returns the text that --help shows below the summary.
func (Apply) Help() string {
	return "A document has kind, name and spec. spec is the body of the API's request, with names in place of ids. " +
		"Kinds: " + apply.KindNames() + ". " +
		"A member that a spec leaves out stays as it is; null removes it. " +
		"A secret is written ${env:NAME} or ${file:PATH}, with PATH relative to the document's file. " +
		"--prune deletes resources that no document names, for each kind that has documents; it keeps service tokens that " +
		"are in use. --tokens-dir receives token-NAME.client-id and token-NAME.client-secret, with mode 0600. " +
		"plumb import writes such documents."
}

// Run shows the changes, asks, and makes them.
func (c *Apply) Run(ctx context.Context, t *cli.Terminal) error {
	var docs []document.Document
	for _, path := range c.File {
		some, err := document.Read(path, t.In)
		if err != nil {
			return err
		}
		docs = append(docs, some...)
	}
	if len(docs) == 0 {
		return fmt.Errorf("no documents in %s: files must end in .yaml, .yml or .json and have kind, name and spec",
			strings.Join(c.File, ", "))
	}
	cl, err := c.Client()
	if err != nil {
		return err
	}
	plan, err := c.plan(ctx, cl, docs)
	if err != nil {
		return err
	}
	if err := c.print(t, plan); err != nil {
		return err
	}
	create, change, remove := plan.Pending()
	switch {
	case create+change+remove == 0:
		return nil
	case c.DryRun:
		return cli.Exit(cli.ExitPending, errors.New(""))
	}
	if err := c.ready(plan); err != nil {
		return err
	}
	if !c.Yes {
		if err := c.ask(ctx, t); err != nil {
			return err
		}
	}
	return plan.Run(ctx, account{cl}, apply.Steps{Lookup: lookup, Made: c.keep, Done: func(done *apply.Change) {
		fmt.Fprintf(t.Err, "%s: done\n", render.Clean(done.Lines()[0]))
	}})
}

func (c *Apply) plan(ctx context.Context, cl *client.Client, docs []document.Document) (*apply.Plan, error) {
	kinds := map[client.Kind]bool{}
	for _, d := range docs {
		kinds[client.Kind(d.Kind)] = true
	}
	state := apply.State{}
	for _, k := range apply.Needed(kinds, c.Prune) {
		all, err := cl.Objects(k).List(ctx)
		var refused *client.Error
		if !kinds[k] && !c.Prune && errors.As(err, &refused) && refused.Status == http.StatusForbidden {
			continue // the token may not read this kind, so documents cannot refer to its names
		}
		if err != nil {
			return nil, fmt.Errorf("%ss: %w", k.Label(), err)
		}
		for _, i := range all {
			state[k] = append(state[k], i.Value)
		}
	}
	return apply.New(docs, state, lookup, apply.Options{Prune: c.Prune, Secrets: c.Secrets, Now: time.Now()})
}

// print shows the plan.
func (c *Apply) print(t *cli.Terminal, plan *apply.Plan) error {
	if c.Format != "table" {
		return c.Show(t, plan, nil)
	}
	var b strings.Builder
	for _, change := range plan.Changes {
		for n, line := range change.Lines() {
			line = render.Clean(line)
			if code := changeColours[change.Action]; n == 0 && t.Colour && code != "" {
				line = code + line + "\x1b[0m"
			}
			b.WriteString(line + "\n")
		}
	}
	b.WriteString(plan.Summary() + "\n")
	_, err := t.Out.Write([]byte(b.String()))
	return err
}

var changeColours = map[apply.Action]string{apply.Create: "\x1b[32m", apply.Update: "\x1b[33m",
	apply.Delete: "\x1b[31m"}

// ready checks, before the first change, that no later change lacks a secret or a place to save one.
func (c *Apply) ready(plan *apply.Plan) error {
	if err := plan.Check(lookup); err != nil {
		return err
	}
	for _, change := range plan.Changes {
		if !change.MakesSecret() {
			continue
		}
		if c.TokensDir == "" {
			return cli.Usage("the %s would be created, and its secret is shown only once: give --tokens-dir, "+
				"or set x_client_id and x_client_secret to existing credentials", change.Label())
		}
		for _, path := range c.credentials(change.Name) {
			if _, err := os.Lstat(path); err == nil {
				return fmt.Errorf("%s exists, but the %s does not: move the file away, "+
					"or set x_client_id and x_client_secret to its credentials", path, change.Label())
			}
		}
	}
	return c.writable()
}

// writable checks that --tokens-dir can be written to.
func (c *Apply) writable() error {
	if c.TokensDir == "" {
		return nil
	}
	probe, err := resource.Reserve(filepath.Join(c.TokensDir, ".new"), "--tokens-dir")
	if err != nil {
		return fmt.Errorf("--tokens-dir %s: %w", c.TokensDir, err)
	}
	probe.Release()
	return nil
}

// credentials returns the paths of the files for a service token's Client ID and Client Secret.
func (c *Apply) credentials(name string) [2]string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\:`, r) {
			return '_'
		}
		return r
	}, name)
	path := filepath.Join(c.TokensDir, "token-"+name)
	return [2]string{path + ".client-id", path + ".client-secret"}
}

func (c *Apply) keep(name, clientID, secret string) error {
	if err := os.MkdirAll(c.TokensDir, 0o700); err != nil {
		return err
	}
	paths := c.credentials(name)
	if err := creds.WriteSecret(paths[1], []byte(secret+"\n")); err != nil {
		return err
	}
	return creds.WriteSecret(paths[0], []byte(clientID+"\n"))
}

func (c *Apply) ask(ctx context.Context, t *cli.Terminal) error {
	yes, err := t.Confirm(ctx, "Make these changes?")
	switch {
	case errors.Is(err, cli.ErrNoTerminal):
		return cli.Usage("no terminal to ask for confirmation on: give --yes, or --dry-run to show the changes only")
	case err != nil:
		return err
	case !yes:
		return resource.ErrNotConfirmed
	}
	return nil
}
