package command

import (
	"context"
	"fmt"
	"os"
	"time"

	"plumbline.dev/bus/creds"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/client"
)

type tokenCmd struct {
	List   tokenList   `cmd:"" help:"List all."`
	Create tokenCreate `cmd:"" help:"Create one; its secret is shown this once."`
	Get    tokenGet    `cmd:"" help:"Show one, without its secret."`
	Delete tokenDelete `cmd:"" help:"Delete one; it stops working."`
}

type tokenName struct {
	Name string `arg:"" name:"token" help:"Id or name."`
}

type tokenList struct {
	remote
	output
}

func (c *tokenList) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return list(ctx, t, &c.output, cl.ServiceTokens, func(tab *table, k client.ServiceToken) {
		tab.row(k.ID, k.Name, k.ClientID, k.ExpiresAt.Format(time.DateOnly))
	}, "ID", "NAME", "CLIENT ID", "EXPIRES")
}

func tokenFields(tab *table, k client.ServiceToken) {
	tab.row("id", k.ID)
	tab.row("name", k.Name)
	tab.row("client id", k.ClientID)
	if k.ClientSecret != "" {
		tab.row("client secret", k.ClientSecret)
	}
	tab.row("expires", k.ExpiresAt.Format(time.RFC3339))
}

type tokenCreate struct {
	remote
	output
	Name       string `required:"" env:"-" help:"Name."`
	Duration   string `default:"8760h" env:"-" help:"How long it is valid, such as 8760h, or forever."`
	SecretFile string `type:"path" env:"-" help:"Write the secret to this new file, of mode 0600, in place of showing it." placeholder:"PATH"`
}

func (c *tokenCreate) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	if c.SecretFile != "" {
		// The secret that is in it could not be had again.
		if _, err := os.Lstat(c.SecretFile); err == nil {
			return fmt.Errorf("%s is there already: name a new file with --secret-file", c.SecretFile)
		}
	}
	item, err := cl.ServiceTokens.Create(ctx, client.ServiceToken{Name: c.Name, Duration: c.Duration})
	if err != nil {
		return err
	}
	if c.SecretFile != "" {
		if err := creds.WriteSecret(c.SecretFile, []byte(item.Value.ClientSecret+"\n")); err != nil {
			return fmt.Errorf("token %s was created, but its secret was not kept, so delete it: %w", item.Value.ID, err)
		}
		item.Value.ClientSecret = ""
		if item, err = cl.ServiceTokens.Get(ctx, item.Value.ID); err != nil {
			return err
		}
	}
	return one(t, &c.output, item, tokenFields)
}

type tokenGet struct {
	remote
	output
	tokenName
}

func (c *tokenGet) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return get(ctx, t, &c.output, cl.ServiceTokens, c.Name, tokenFields)
}

type tokenDelete struct {
	remote
	tokenName
}

func (c *tokenDelete) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return remove(ctx, t, cl.ServiceTokens, c.Name)
}
