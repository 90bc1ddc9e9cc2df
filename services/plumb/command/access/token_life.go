package access

import (
	"context"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

type tokenEdit struct {
	remote.Flags
	render.Output
	tokenName
	NewName  string `name:"name" env:"-" help:"New name."`
	Duration string `env:"-" help:"New validity from now on, such as 720h, or forever."`
}

func (c *tokenEdit) Run(ctx context.Context, t *cli.Terminal) error {
	body := client.ServiceToken{Name: c.NewName, Duration: c.Duration}
	if body == (client.ServiceToken{}) {
		return serviceTokens.EditByName(ctx, t, &c.Flags, &c.Output, c.Name)
	}
	return c.update(ctx, t, &c.Flags, &c.Output, body)
}

func (n *tokenName) update(ctx context.Context, t *cli.Terminal, r *remote.Flags, o *render.Output,
	body client.ServiceToken) error {
	return serviceTokens.Act(ctx, t, r, o, n.Name,
		func(cl *client.Client, id string) (client.Item[client.ServiceToken], error) {
			return cl.ServiceTokens.Update(ctx, id, body)
		})
}

type tokenRefresh struct {
	remote.Flags
	render.Output
	tokenName
}

func (c *tokenRefresh) Run(ctx context.Context, t *cli.Terminal) error {
	return serviceTokens.Act(ctx, t, &c.Flags, &c.Output, c.Name,
		func(cl *client.Client, id string) (client.Item[client.ServiceToken], error) {
			return cl.RefreshToken(ctx, id)
		})
}

type tokenRotate struct {
	remote.Flags
	render.Output
	tokenName
	Grace time.Duration `env:"-" help:"How long the previous secret stays valid. Default: not at all." placeholder:"DURATION"`
	newSecret
}

func (c *tokenRotate) Run(ctx context.Context, t *cli.Terminal) error {
	if c.Grace < 0 {
		return cli.Usage("--grace must not be negative")
	}
	cl, err := c.Client()
	if err != nil {
		return err
	}
	file, err := resource.Reserve(c.SecretFile, "--secret-file")
	if err != nil {
		return err
	}
	defer file.Release()
	item, err := cl.ServiceTokens.Find(ctx, c.Name)
	if err != nil {
		return err
	}
	var until time.Time
	if c.Grace > 0 {
		until = time.Now().Add(c.Grace)
	}
	if item, err = cl.RotateToken(ctx, item.Value.ID, until); err != nil {
		return err
	}
	return printSecret(ctx, t, cl, &c.Output, file, item, "has a new secret, but it was not saved; rotate the token again")
}

type tokenEnable struct {
	remote.Flags
	render.Output
	tokenName
}

func (c *tokenEnable) Run(ctx context.Context, t *cli.Terminal) error {
	return c.update(ctx, t, &c.Flags, &c.Output, client.ServiceToken{Enabled: new(true)})
}

type tokenDisable struct {
	remote.Flags
	render.Output
	tokenName
}

func (c *tokenDisable) Run(ctx context.Context, t *cli.Terminal) error {
	return c.update(ctx, t, &c.Flags, &c.Output, client.ServiceToken{Enabled: new(false)})
}
