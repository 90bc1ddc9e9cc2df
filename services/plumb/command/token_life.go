package command

import (
	"context"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

// change finds the token and has something done to it.
func (n *tokenName) change(ctx context.Context, t *cli.Terminal, r *remote, o *output,
	do func(cl *client.Client, id string) (client.Item[client.ServiceToken], error)) error {
	cl, err := r.client()
	if err != nil {
		return err
	}
	item, err := cl.ServiceTokens.Find(ctx, n.Name)
	if err != nil {
		return err
	}
	if item, err = do(cl, item.Value.ID); err != nil {
		return err
	}
	return one(t, o, item, tokenFields)
}

type tokenEdit struct {
	remote
	output
	tokenName
	NewName  string `name:"name" env:"-" help:"New name."`
	Duration string `env:"-" help:"How long it is valid from now on, such as 720h, or forever."`
}

func (c *tokenEdit) Run(ctx context.Context, t *cli.Terminal) error {
	body := client.ServiceToken{Name: c.NewName, Duration: c.Duration}
	if body == (client.ServiceToken{}) {
		return edit(ctx, t, &c.remote, &c.output, func(cl *client.Client) client.Collection[client.ServiceToken] { return cl.ServiceTokens }, c.Name, tokenFields)
	}
	return c.change(ctx, t, &c.remote, &c.output, func(cl *client.Client, id string) (client.Item[client.ServiceToken], error) {
		return cl.ServiceTokens.Update(ctx, id, body)
	})
}

type tokenRefresh struct {
	remote
	output
	tokenName
}

func (c *tokenRefresh) Run(ctx context.Context, t *cli.Terminal) error {
	return c.change(ctx, t, &c.remote, &c.output, func(cl *client.Client, id string) (client.Item[client.ServiceToken], error) {
		return cl.RefreshToken(ctx, id)
	})
}

type tokenRotate struct {
	remote
	output
	tokenName
	Grace time.Duration `env:"-" help:"How long the secret before is accepted too; without it, no longer." placeholder:"DURATION"`
	newSecret
}

func (c *tokenRotate) Run(ctx context.Context, t *cli.Terminal) error {
	if c.Grace < 0 {
		return cli.Usage("--grace cannot be negative")
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	file, err := reserve(c.SecretFile, "--secret-file")
	if err != nil {
		return err
	}
	defer file.release()
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
	return tellSecret(ctx, t, cl, &c.output, file, item, "has another secret, but it was not kept, so rotate it again")
}

type tokenEnable struct {
	remote
	output
	tokenName
}

func (c *tokenEnable) Run(ctx context.Context, t *cli.Terminal) error {
	return c.turn(ctx, t, &c.remote, &c.output, true)
}

type tokenDisable struct {
	remote
	output
	tokenName
}

func (c *tokenDisable) Run(ctx context.Context, t *cli.Terminal) error {
	return c.turn(ctx, t, &c.remote, &c.output, false)
}

func (n *tokenName) turn(ctx context.Context, t *cli.Terminal, r *remote, o *output, on bool) error {
	return n.change(ctx, t, r, o, func(cl *client.Client, id string) (client.Item[client.ServiceToken], error) {
		return cl.ServiceTokens.Update(ctx, id, client.ServiceToken{Enabled: &on})
	})
}
