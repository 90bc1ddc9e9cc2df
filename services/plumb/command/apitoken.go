package command

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"plumbline.dev/bus/creds"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/client"
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
	if k.All {
		tab.row("allow", "everything")
		return
	}
	for _, p := range k.Policies {
		for _, g := range p.Groups {
			tab.row(p.Effect, g.Name)
		}
	}
}

// newValue is where the value of an API token goes that is told once.
type newValue struct {
	ValueFile string `type:"path" env:"-" help:"Write the value to this new file, of mode 0600, in place of showing it." placeholder:"PATH"`
}

func (v *newValue) free() error {
	if v.ValueFile == "" {
		return nil
	}
	if _, err := os.Lstat(v.ValueFile); err == nil {
		return fmt.Errorf("%s is there already: name a new file with --value-file", v.ValueFile)
	}
	return nil
}

type apiTokenCreate struct {
	remote
	output
	Name       string        `required:"" env:"-" help:"Name."`
	Permission []string      `required:"" env:"-" sep:"none" help:"What it may do, by id or name, as plumb api-tokens permissions lists them; may be given again."`
	Expires    time.Duration `env:"-" help:"How long it works, such as 720h; without it, until it is revoked." placeholder:"DURATION"`
	From       []string      `env:"-" help:"Networks that it may be used from; without it, from anywhere." placeholder:"CIDR"`
	newValue
}

func (c *apiTokenCreate) Run(ctx context.Context, t *cli.Terminal) error {
	if c.Expires < 0 {
		return cli.Usage("--expires cannot be negative")
	}
	if err := c.free(); err != nil {
		return err
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	permissions, err := permitted(ctx, cl, c.Permission)
	if err != nil {
		return err
	}
	body := map[string]any{"name": c.Name, "policies": []client.APITokenPolicy{cl.ForAccount(permissions)}}
	if c.Expires > 0 {
		body["expires_on"] = time.Now().Add(c.Expires).UTC().Format(time.RFC3339)
	}
	if len(c.From) > 0 {
		body["condition"] = map[string]any{"request_ip": map[string]any{"in": c.From}}
	}
	item, err := cl.APITokens().Create(ctx, body)
	if err != nil {
		return err
	}
	if c.ValueFile == "" {
		return one(t, &c.output, item, apiTokenFields)
	}
	if err := creds.WriteSecret(c.ValueFile, []byte(item.Value.Value+"\n")); err != nil {
		return fmt.Errorf("API token %s was created, but its value was not kept, so revoke it: %w", item.Value.ID, err)
	}
	if item, err = cl.APITokens().Get(ctx, item.Value.ID); err != nil {
		return err
	}
	return one(t, &c.output, item, apiTokenFields)
}

// permitted finds permissions by their ids or names, in either case; those for zones have their own ids.
func permitted(ctx context.Context, cl *client.Client, names []string) ([]client.PermissionGroup, error) {
	all, err := cl.PermissionGroups(ctx)
	if err != nil {
		return nil, err
	}
	var found []client.PermissionGroup
	for _, name := range names {
		n := slices.IndexFunc(all, func(p client.PermissionGroup) bool { return p.ID == name || strings.EqualFold(p.Name, name) })
		if n < 0 {
			return nil, cli.Usage("there is no permission %q: plumb api-tokens permissions lists them", name)
		}
		found = append(found, client.PermissionGroup{ID: all[n].ID})
	}
	return found, nil
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
	if err := c.free(); err != nil {
		return err
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	item, err := cl.APITokens().Find(ctx, c.Name)
	if err != nil {
		return err
	}
	value, err := cl.RollAPIToken(ctx, item.Value.ID)
	if err != nil {
		return err
	}
	if c.ValueFile == "" {
		_, err = fmt.Fprintln(t.Out, value)
		return err
	}
	return creds.WriteSecret(c.ValueFile, []byte(value+"\n"))
}

type apiTokenRevoke struct {
	remote
	apiTokenName
}

func (c *apiTokenRevoke) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return remove(ctx, t, cl.APITokens(), c.Name)
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
