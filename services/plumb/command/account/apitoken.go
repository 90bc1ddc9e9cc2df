package account

import (
	"context"
	"fmt"
	"strings"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// APITokens is the command plumb api-tokens.
type APITokens struct {
	List        resource.List[apiTokenName, client.APIToken]   `cmd:"" help:"List API tokens."`
	Create      apiTokenCreate                                 `cmd:"" help:"Create an API token. Its value is shown only once."`
	Show        resource.Show[apiTokenName, client.APIToken]   `cmd:"" aliases:"get" help:"Show an API token and its permissions, without its value."`
	Edit        resource.Edit[apiTokenName, client.APIToken]   `cmd:"" help:"Change an API token in an editor."`
	Roll        apiTokenRoll                                   `cmd:"" help:"Replace an API token's value. The new value is shown only once."`
	Revoke      resource.Delete[apiTokenName, client.APIToken] `cmd:"" aliases:"delete" help:"Revoke an API token. It stops working at once."`
	Permissions permissionList                                 `cmd:"" help:"List the permissions that an API token can have."`
}

type apiTokenName struct {
	Name string `arg:"" name:"token" completes:"api_token" help:"Id or name of the API token."`
}

func (n apiTokenName) Typed() string { return n.Name }

func (apiTokenName) Kind() resource.Kind[client.APIToken] { return apiTokens }

var apiTokens = resource.Kind[client.APIToken]{
	Collection: (*client.Client).APITokens,
	Header:     []any{"ID", "NAME", "STATE", "LAST USED", "EXPIRES"},
	Row: func(k client.APIToken) []any {
		return []any{k.ID, k.Name, apiTokenState(k), render.Moment(&k.LastUsedOn), render.Moment(&k.ExpiresOn)}
	},
	Fields: apiTokenFields,
}

// apiTokenState returns the status of a token, with ok for an active one.
func apiTokenState(k client.APIToken) string {
	if k.Status == "active" {
		return "ok"
	}
	return k.Status
}

func apiTokenFields(tab *render.Table, k client.APIToken) {
	tab.Row("id", k.ID)
	tab.Row("name", k.Name)
	if k.Value != "" {
		tab.Row("value", k.Value)
	}
	tab.Row("state", apiTokenState(k))
	tab.Row("last used", render.Moment(&k.LastUsedOn))
	tab.Row("expires", render.Moment(&k.ExpiresOn))
	if k.Email != "" {
		tab.Row("API key of", k.Email)
	}
	if k.Condition != nil {
		for _, network := range k.Condition.RequestIP.In {
			tab.Row("from", network)
		}
		for _, network := range k.Condition.RequestIP.NotIn {
			tab.Row("not from", network)
		}
	}
	if k.All {
		tab.Row("allow", "everything")
		return
	}
	for _, p := range k.Policies {
		for _, g := range p.Groups {
			tab.Row(p.Effect, g.Name+zoneNote(p))
		}
	}
}

// zoneNote names the zones of a policy. It is empty for a policy of the account.
func zoneNote(p client.APITokenPolicy) string {
	zones := p.Zones()
	if len(zones) == 0 {
		return ""
	}
	return " (zone " + strings.Join(zones, ", ") + ")"
}

type apiTokenRoll struct {
	remote.Flags
	apiTokenName
	newValue
}

func (c *apiTokenRoll) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	item, err := cl.APITokens().Find(ctx, c.Name)
	if err != nil {
		return err
	}
	file, err := resource.Reserve(c.ValueFile, "--value-file")
	if err != nil {
		return err
	}
	defer file.Release()
	value, err := cl.RollAPIToken(ctx, item.Value.ID)
	if err != nil {
		return err
	}
	if c.ValueFile == "" {
		_, err = fmt.Fprintln(t.Out, value)
		return err
	}
	return file.Keep(value)
}

type permissionList struct {
	remote.Flags
	render.Output
}

func (c *permissionList) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	all, err := cl.PermissionGroups(ctx)
	if err != nil {
		return err
	}
	return c.Show(t, all, func(tab *render.Table) {
		tab.Row("ID", "NAME", "SCOPE")
		for _, p := range all {
			tab.Row(p.ID, p.Name, strings.TrimPrefix(strings.Join(p.Scopes, ", "), "com.cloudflare.api."))
		}
	})
}
