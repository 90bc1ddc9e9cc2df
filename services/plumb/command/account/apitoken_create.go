package account

import (
	"context"
	"slices"
	"strings"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// newValue is the flag for the destination of an API token that is shown only once.
type newValue struct {
	ValueFile string `type:"path" env:"-" help:"Write the value to this new file, with mode 0600, instead of showing it." placeholder:"PATH"`
}

type apiTokenCreate struct {
	remote.Flags
	render.Output
	Name       string        `required:"" env:"-" help:"Name of the API token."`
	Permission []string      `env:"-" sep:"none" completes:"permission" help:"Permission, by id or name, see plumb api-tokens permissions. Repeatable."`
	ReadOnly   bool          `env:"-" help:"Grant every read permission."`
	All        bool          `env:"-" help:"Grant every permission."`
	Zone       []string      `env:"-" help:"Restrict the token to this zone, by id. Default: the account. Repeatable." placeholder:"ID"`
	Email      string        `env:"-" help:"Also accept the token as an API key (X-Auth-Key) with this X-Auth-Email." placeholder:"ADDRESS"`
	Expires    time.Duration `env:"-" help:"Validity, such as 720h. Default: until it is revoked." placeholder:"DURATION"`
	From       []string      `env:"-" help:"Network to accept the token from. Default: any. Repeatable." placeholder:"CIDR"`
	newValue
}

func (c *apiTokenCreate) Run(ctx context.Context, t *cli.Terminal) error {
	if c.Expires < 0 {
		return cli.Usage("--expires must not be negative")
	}
	ways := 0
	for _, given := range []bool{len(c.Permission) > 0, c.ReadOnly, c.All} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return cli.Usage("give one of --permission, --read-only and --all")
	}
	cl, err := c.Client()
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
	file, err := resource.Reserve(c.ValueFile, "--value-file")
	if err != nil {
		return err
	}
	defer file.Release()
	item, err := cl.APITokens().Create(ctx, body)
	if err != nil {
		return err
	}
	return apiTokens.PrintSecret(ctx, t, cl, &c.Output, file, item, item.Value.Value,
		"was created, but its value was not saved; revoke the token")
}

// permitted returns the permissions of the flags. A permission for a zone has another id than the same permission for
// an account.
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
		n := slices.IndexFunc(all, func(p client.PermissionGroup) bool {
			return p.ID == name || strings.EqualFold(p.Name, name)
		})
		if n < 0 && len(c.Zone) > 0 {
			return nil, cli.Usage("permission %q does not exist for a zone: see plumb api-tokens permissions", name)
		}
		if n < 0 {
			return nil, cli.Usage("permission %q does not exist: see plumb api-tokens permissions", name)
		}
		found = append(found, client.PermissionGroup{ID: all[n].ID})
	}
	return found, nil
}
