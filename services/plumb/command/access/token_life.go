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
	NewName  string `name:"name" env:"-" help:"New name."`
	Duration string `env:"-" help:"New validity from now on, such as 720h, or forever."`
}

// Body returns the members of the given flags.
func (c tokenEdit) Body() (any, error) {
	body := client.ServiceToken{Name: c.NewName, Duration: c.Duration}
	if body == (client.ServiceToken{}) {
		return nil, nil
	}
	return body, nil
}

type tokenEnable struct{}

// Body enables a service token.
func (tokenEnable) Body() (any, error) { return client.ServiceToken{Enabled: new(true)}, nil }

type tokenDisable struct{}

// Body disables a service token.
func (tokenDisable) Body() (any, error) { return client.ServiceToken{Enabled: new(false)}, nil }

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
	return serviceTokens.PrintSecret(ctx, t, cl, &c.Output, file, item, item.Value.ClientSecret,
		"has a new secret, but it was not saved; rotate the token again")
}
