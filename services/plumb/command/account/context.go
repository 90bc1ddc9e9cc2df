package account

import (
	"context"
	"fmt"
	"path/filepath"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
	"plumbline.dev/services/plumb/contexts"
)

// Contexts is the command plumb context.
type Contexts struct {
	List   contextList   `cmd:"" help:"List contexts. The current one is marked with *."`
	Add    contextAdd    `cmd:"" help:"Add or replace a context. The first one becomes the current one."`
	Use    contextUse    `cmd:"" help:"Make a context the current one."`
	Remove contextRemove `cmd:"" aliases:"delete" help:"Remove a context. Its API token stays valid."`
}

type contextName struct {
	Name string `arg:"" completes:"context" help:"Name of the context."`
}

// changeContexts reads the file of contexts, calls change, and writes the file unless change fails.
func changeContexts(change func(*contexts.File) error) error {
	path, err := remote.ContextsFile()
	if err != nil {
		return err
	}
	f, err := contexts.Load(path)
	if err == nil {
		err = change(f)
	}
	if err != nil {
		return err
	}
	return f.Save(path)
}

type contextList struct{ render.Output }

func (c *contextList) Run(t *cli.Terminal) error {
	path, err := remote.ContextsFile()
	if err != nil {
		return err
	}
	f, err := contexts.Load(path)
	if err != nil {
		return err
	}
	type row struct {
		Name    string `json:"name"`
		Current bool   `json:"current"`
		contexts.Context
	}
	rows := []row{}
	for _, name := range f.Names() {
		rows = append(rows, row{name, name == f.Current, f.Contexts[name]})
	}
	return c.Show(t, rows, func(tab *render.Table) {
		tab.Row("", "NAME", "URL", "ACCOUNT", "TOKEN")
		for _, r := range rows {
			mark, token := "", "stored"
			if r.Current {
				mark = "*"
			}
			if r.Token == "" {
				token = render.OrDash(r.TokenFile)
			}
			tab.Row(mark, r.Name, r.URL, r.Account, token)
		}
	})
}

type contextAdd struct {
	contextName
	URL     string `name:"url" required:"" env:"-" help:"URL of the control plane." placeholder:"URL"`
	Account string `required:"" env:"-" help:"Account id." placeholder:"ID"`
	Token   string `help:"API token to store; prefer PLUMB_TOKEN_FILE. Default: ask for it." placeholder:"TOKEN"`
	File    string `name:"token-file" type:"path" env:"-" help:"File with the API token, read by each command." placeholder:"PATH"`
	Use     bool   `env:"-" help:"Make the context the current one."`
}

func (c *contextAdd) Run(ctx context.Context, t *cli.Terminal) error {
	if _, err := proto.ParseAccount(c.Account); err != nil {
		return cli.Usage("--account: %w", err)
	}
	added := contexts.Context{URL: c.URL, Account: c.Account, Token: c.Token}
	if c.File != "" {
		path, err := filepath.Abs(c.File)
		if err != nil {
			return err
		}
		added.TokenFile = path
	}
	if added.Token == "" && added.TokenFile == "" {
		var err error
		if added.Token, err = resource.Ask(ctx, t, "API token", "give --token-file, or set PLUMB_TOKEN_FILE"); err != nil {
			return err
		}
	}
	return changeContexts(func(f *contexts.File) error {
		if err := f.Add(c.Name, added); err != nil {
			return cli.Usage("%w", err)
		}
		if c.Use {
			return f.Use(c.Name)
		}
		return nil
	})
}

type contextUse struct{ contextName }

func (c *contextUse) Run(t *cli.Terminal) error {
	if err := changeContexts(func(f *contexts.File) error { return f.Use(c.Name) }); err != nil {
		return err
	}
	_, err := fmt.Fprintf(t.Err, "context %s is now the current one\n", c.Name)
	return err
}

type contextRemove struct{ contextName }

func (c *contextRemove) Run() error {
	return changeContexts(func(f *contexts.File) error { return f.Remove(c.Name) })
}
