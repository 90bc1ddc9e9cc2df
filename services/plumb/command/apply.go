package command

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
	"plumbline.dev/services/plumb/document"
)

type applyCmd struct {
	remote
	output
	File      []string `short:"f" required:"" env:"-" sep:"none" help:"File of documents, or directory of such files, YAML or JSON; - is standard input; may be given again." placeholder:"PATH"`
	DryRun    bool     `env:"-" help:"Show what would change, and change nothing: exit code 0 if nothing would, 6 if something would."`
	Yes       bool     `short:"y" env:"-" help:"Do not ask."`
	Prune     bool     `env:"-" help:"Delete what no document has, of the kinds of which there are documents. Service tokens that are used stay."`
	Secrets   bool     `env:"-" help:"Send every secret again; without it, those of what is created or changed."`
	TokensDir string   `type:"path" env:"-" help:"Directory for the credentials of service tokens that are created: token-NAME.client-id and token-NAME.client-secret, mode 0600." placeholder:"DIR"`
}

// Help is shown by --help.
func (applyCmd) Help() string {
	return "A document has kind, name and spec; spec is what the API takes, with names in place of the ids of others. " +
		"Kinds: tag, service_token, identity_provider, integration, check, group, policy, application, organization. " +
		"What a spec leaves out stays as it is; null takes it away. " +
		"A secret is ${env:NAME} or ${file:PATH}, the path beginning at the document's file. plumb import writes such documents."
}

func (c *applyCmd) Run(ctx context.Context, t *cli.Terminal) error {
	var docs []document.Document
	for _, path := range c.File {
		some, err := document.Read(path, t.In)
		if err != nil {
			return err
		}
		docs = append(docs, some...)
	}
	if len(docs) == 0 {
		return fmt.Errorf("there are no documents in %s: files end in .yaml, .yml or .json, and have kind, name and spec", strings.Join(c.File, ", "))
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	plan, err := c.plan(ctx, cl, docs)
	if err != nil {
		return err
	}
	if err := c.tell(t, plan); err != nil {
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
		fmt.Fprintf(t.Err, "%s: done\n", clean(done.Lines()[0]))
	}})
}

func (c *applyCmd) plan(ctx context.Context, cl *client.Client, docs []document.Document) (*apply.Plan, error) {
	kinds := map[client.Kind]bool{}
	for _, d := range docs {
		kinds[client.Kind(d.Kind)] = true
	}
	state := apply.State{}
	for _, k := range apply.Needed(kinds, c.Prune) {
		all, err := cl.Objects(k).List(ctx)
		var refused *client.Error
		if !kinds[k] && !c.Prune && errors.As(err, &refused) && refused.Status == http.StatusForbidden {
			continue // a token for less: names of the kind cannot be referred to
		}
		if err != nil {
			return nil, fmt.Errorf("%ss: %w", strings.ReplaceAll(string(k), "_", " "), err)
		}
		for _, i := range all {
			state[k] = append(state[k], i.Value)
		}
	}
	return apply.New(docs, state, lookup, apply.Options{Prune: c.Prune, Secrets: c.Secrets, Now: time.Now()})
}

// tell shows the plan.
func (c *applyCmd) tell(t *cli.Terminal, plan *apply.Plan) error {
	if c.Output != "table" {
		return c.show(t, plan, nil)
	}
	var b strings.Builder
	for _, change := range plan.Changes {
		for n, line := range change.Lines() {
			line = clean(line)
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

var changeColours = map[apply.Action]string{apply.Create: "\x1b[32m", apply.Update: "\x1b[33m", apply.Delete: "\x1b[31m"}

// ready finds out before anything is changed what would be missing midway.
func (c *applyCmd) ready(plan *apply.Plan) error {
	if err := plan.Check(lookup); err != nil {
		return err
	}
	for _, change := range plan.Changes {
		if !change.MakesSecret() {
			continue
		}
		if c.TokensDir == "" {
			return cli.Usage("the %s would be created, and its secret told once: give --tokens-dir, or x_client_id and x_client_secret of one that there is", change.Label())
		}
		for _, path := range c.credentials(change.Name) {
			if _, err := os.Lstat(path); err == nil {
				return fmt.Errorf("%s is there already, and the %s is not: move it away, or give its credentials as x_client_id and x_client_secret", path, change.Label())
			}
		}
	}
	return c.writable()
}

// writable finds out whether secrets can be kept before tokens are created.
func (c *applyCmd) writable() error {
	if c.TokensDir == "" {
		return nil
	}
	probe, err := reserve(filepath.Join(c.TokensDir, ".new"), "--tokens-dir")
	if err != nil {
		return fmt.Errorf("secrets could not be kept in %s: %w", c.TokensDir, err)
	}
	probe.release()
	return nil
}

// credentials are the files of a service token's Client ID and Client Secret.
func (c *applyCmd) credentials(name string) [2]string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\:`, r) {
			return '_'
		}
		return r
	}, name)
	path := filepath.Join(c.TokensDir, "token-"+name)
	return [2]string{path + ".client-id", path + ".client-secret"}
}

func (c *applyCmd) keep(name, clientID, secret string) error {
	if err := os.MkdirAll(c.TokensDir, 0o700); err != nil {
		return err
	}
	paths := c.credentials(name)
	if err := creds.WriteSecret(paths[1], []byte(secret+"\n")); err != nil {
		return err
	}
	return creds.WriteSecret(paths[0], []byte(clientID+"\n"))
}

func (c *applyCmd) ask(ctx context.Context, t *cli.Terminal) error {
	yes, err := t.Confirm(ctx, "Make these changes?")
	switch {
	case errors.Is(err, cli.ErrNoTerminal):
		return cli.Usage("there is no terminal to ask on: give --yes, or --dry-run to look only")
	case err != nil:
		return err
	case !yes:
		return errNotConfirmed
	}
	return nil
}
