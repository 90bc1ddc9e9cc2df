package command

import (
	"context"
	"fmt"
	"strings"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

type apiTokenCmd struct {
	List        apiTokenList   `cmd:"" help:"List all."`
	Create      apiTokenCreate `cmd:"" help:"Create one; its value is shown this once."`
	Show        apiTokenShow   `cmd:"" aliases:"get" help:"Show one and what it may do, without its value."`
	Edit        apiTokenEdit   `cmd:"" help:"Change one in an editor."`
	Roll        apiTokenRoll   `cmd:"" help:"Give one another value, which is shown this once; the one before ends."`
	Revoke      apiTokenRevoke `cmd:"" aliases:"delete" help:"End one, at once."`
	Permissions permissionList `cmd:"" help:"List what a token can be allowed."`
}

type apiTokenName struct {
	Name string `arg:"" name:"token" help:"Id or name."`
}

type apiTokenList struct {
	remote
	reading
}

func (c *apiTokenList) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return list(ctx, t, &c.reading, cl.APITokens(), func(tab *table, k client.APIToken) {
		tab.row(k.ID, k.Name, apiTokenState(k), moment(&k.LastUsedOn), moment(&k.ExpiresOn))
	}, "ID", "NAME", "STATE", "LAST USED", "EXPIRES")
}

func apiTokenState(k client.APIToken) string {
	if k.Status == "active" {
		return "ok"
	}
	return k.Status
}

func apiTokenFields(tab *table, k client.APIToken) {
	tab.row("id", k.ID)
	tab.row("name", k.Name)
	if k.Value != "" {
		tab.row("value", k.Value)
	}
	tab.row("state", apiTokenState(k))
	tab.row("last used", moment(&k.LastUsedOn))
	tab.row("expires", moment(&k.ExpiresOn))
	if k.Email != "" {
		tab.row("API key of", k.Email)
	}
	if k.Condition != nil {
		for _, network := range k.Condition.RequestIP.In {
			tab.row("from", network)
		}
		for _, network := range k.Condition.RequestIP.NotIn {
			tab.row("not from", network)
		}
	}
	if k.All {
		tab.row("allow", "everything")
		return
	}
	for _, p := range k.Policies {
		for _, g := range p.Groups {
			tab.row(p.Effect, g.Name+inZones(p))
		}
	}
}

// inZones says which zones a policy is about; nothing, where it is about the account.
func inZones(p client.APITokenPolicy) string {
	zones := p.Zones()
	if len(zones) == 0 {
		return ""
	}
	return " (zone " + strings.Join(zones, ", ") + ")"
}

type apiTokenShow struct {
	remote
	reading
	apiTokenName
}

func (c *apiTokenShow) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return get(ctx, t, &c.reading, cl.APITokens(), c.Name, apiTokenFields)
}

type apiTokenEdit struct {
	remote
	output
	apiTokenName
}

func (c *apiTokenEdit) Run(ctx context.Context, t *cli.Terminal) error {
	return edit(ctx, t, &c.remote, &c.output, (*client.Client).APITokens, c.Name, apiTokenFields)
}

type apiTokenRoll struct {
	remote
	apiTokenName
	newValue
}

func (c *apiTokenRoll) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	item, err := cl.APITokens().Find(ctx, c.Name)
	if err != nil {
		return err
	}
	file, err := reserve(c.ValueFile, "--value-file")
	if err != nil {
		return err
	}
	defer file.release()
	value, err := cl.RollAPIToken(ctx, item.Value.ID)
	if err != nil {
		return err
	}
	if c.ValueFile == "" {
		_, err = fmt.Fprintln(t.Out, value)
		return err
	}
	return file.keep(value)
}

type apiTokenRevoke struct {
	remote
	confirmation
	apiTokenName
}

func (c *apiTokenRevoke) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return remove(ctx, t, &c.confirmation, cl.APITokens(), c.Name)
}

type permissionList struct {
	remote
	output
}

func (c *permissionList) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	all, err := cl.PermissionGroups(ctx)
	if err != nil {
		return err
	}
	return c.show(t, all, func(tab *table) {
		tab.row("ID", "NAME", "OF")
		for _, p := range all {
			tab.row(p.ID, p.Name, strings.TrimPrefix(strings.Join(p.Scopes, ", "), "com.cloudflare.api."))
		}
	})
}
