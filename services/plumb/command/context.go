package command

import (
	"context"
	"fmt"
	"path/filepath"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/contexts"
)

type contextCmd struct {
	List   contextList   `cmd:"" help:"List all; the current one has a *."`
	Add    contextAdd    `cmd:"" help:"Add one, or change it; the first one is the current one."`
	Use    contextUse    `cmd:"" help:"Make one the current one."`
	Remove contextRemove `cmd:"" aliases:"delete" help:"Remove one; its control plane hears nothing of it."`
}

type contextName struct {
	Name string `arg:"" help:"Name."`
}

// changeContexts reads the file, and writes it if the change was made.
func changeContexts(change func(*contexts.File) error) error {
	path, err := contextsFile()
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

type contextList struct{ output }

func (c *contextList) Run(t *cli.Terminal) error {
	path, err := contextsFile()
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
	return c.show(t, rows, func(tab *table) {
		tab.row("", "NAME", "URL", "ACCOUNT", "TOKEN")
		for _, r := range rows {
			mark, token := "", "kept here"
			if r.Current {
				mark = "*"
			}
			if r.Token == "" {
				token = orDash(r.TokenFile)
			}
			tab.row(mark, r.Name, r.URL, r.Account, token)
		}
	})
}

type contextAdd struct {
	contextName
	URL     string `name:"url" required:"" env:"-" help:"Control plane." placeholder:"URL"`
	Account string `required:"" env:"-" help:"Account id." placeholder:"ID"`
	Token   string `help:"API token, which is kept in the file, mode 0600; better by PLUMB_TOKEN_FILE. Without one, it is asked for." placeholder:"TOKEN"`
	File    string `name:"token-file" type:"path" env:"-" help:"File that holds the token, read at each command." placeholder:"PATH"`
	Use     bool   `env:"-" help:"Make it the current one, too."`
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
		if added.Token, err = ask(ctx, t, "API token", "give --token-file, or PLUMB_TOKEN_FILE"); err != nil {
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
	_, err := fmt.Fprintf(t.Err, "%s is the current one\n", c.Name)
	return err
}

type contextRemove struct{ contextName }

func (c *contextRemove) Run() error {
	return changeContexts(func(f *contexts.File) error { return f.Remove(c.Name) })
}
