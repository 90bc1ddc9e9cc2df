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
