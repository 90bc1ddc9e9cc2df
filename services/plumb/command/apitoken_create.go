package command

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

// newValue is where the value of an API token goes that is told once.
type newValue struct {
	ValueFile string `type:"path" env:"-" help:"Write the value to this new file, of mode 0600, in place of showing it." placeholder:"PATH"`
}

type apiTokenCreate struct {
	remote
	output
	Name       string        `required:"" env:"-" help:"Name."`
	Permission []string      `env:"-" sep:"none" help:"What it may do, by id or name, as plumb api-tokens permissions lists them; may be given again."`
	ReadOnly   bool          `env:"-" help:"It may read all that there is, and change nothing."`
	All        bool          `env:"-" help:"It may do all that there is."`
	Zone       []string      `env:"-" help:"It is for this zone alone, by id; may be given again. Without it, for the whole account." placeholder:"ID"`
	Email      string        `env:"-" help:"Have it work as an API key, too, beside this address: X-Auth-Email and X-Auth-Key." placeholder:"ADDRESS"`
	Expires    time.Duration `env:"-" help:"How long it works, such as 720h; without it, until it is revoked." placeholder:"DURATION"`
	From       []string      `env:"-" help:"Networks that it may be used from; without it, from anywhere." placeholder:"CIDR"`
	newValue
}

func (c *apiTokenCreate) Run(ctx context.Context, t *cli.Terminal) error {
	if c.Expires < 0 {
		return cli.Usage("--expires cannot be negative")
	}
	if ways := []bool{len(c.Permission) > 0, c.ReadOnly, c.All}; len(slices.DeleteFunc(ways, func(given bool) bool { return !given })) != 1 {
		return cli.Usage("say what it may do: --permission, --read-only or --all")
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	permissions, err := c.permitted(ctx, cl)
	if err != nil {
		return err
	}
	policy := cl.ForAccount(permissions)
	if len(c.Zone) > 0 {
		policy.Resources = client.Zones(c.Zone)
	}
	body := map[string]any{"name": c.Name, "policies": []client.APITokenPolicy{policy}}
	if c.Email != "" {
		body["x_email"] = c.Email
	}
	if c.Expires > 0 {
		body["expires_on"] = time.Now().Add(c.Expires).UTC().Format(time.RFC3339)
	}
	if len(c.From) > 0 {
		body["condition"] = map[string]any{"request_ip": map[string]any{"in": c.From}}
	}
	file, err := reserve(c.ValueFile, "--value-file")
	if err != nil {
		return err
	}
	defer file.release()
	item, err := cl.APITokens().Create(ctx, body)
	if err != nil {
		return err
	}
	if c.ValueFile == "" {
		return one(t, &c.output, item, apiTokenFields)
	}
	if err := file.keep(item.Value.Value); err != nil {
		return fmt.Errorf("API token %s was created, but its value was not kept, so revoke it: %w", item.Value.ID, err)
	}
	if item, err = cl.APITokens().Get(ctx, item.Value.ID); err != nil {
		return err
	}
	return one(t, &c.output, item, apiTokenFields)
}

// permitted finds what the token may do. The same permission has another id for a zone than for an account.
func (c *apiTokenCreate) permitted(ctx context.Context, cl *client.Client) ([]client.PermissionGroup, error) {
	all, err := cl.PermissionGroups(ctx)
	if err != nil {
		return nil, err
	}
	scope := client.ScopeAccount
	if len(c.Zone) > 0 {
		scope = client.ScopeZone
	}
	all = slices.DeleteFunc(all, func(p client.PermissionGroup) bool { return !slices.Contains(p.Scopes, scope) })
	var found []client.PermissionGroup
	for _, p := range all {
		if c.All || c.ReadOnly && strings.HasSuffix(p.Name, " Read") {
			found = append(found, client.PermissionGroup{ID: p.ID})
		}
	}
	for _, name := range c.Permission {
		n := slices.IndexFunc(all, func(p client.PermissionGroup) bool { return p.ID == name || strings.EqualFold(p.Name, name) })
		if n < 0 && len(c.Zone) > 0 {
			return nil, cli.Usage("there is no permission %q for a zone: plumb api-tokens permissions lists them", name)
		}
		if n < 0 {
			return nil, cli.Usage("there is no permission %q: plumb api-tokens permissions lists them", name)
		}
		found = append(found, client.PermissionGroup{ID: all[n].ID})
	}
	return found, nil
}
