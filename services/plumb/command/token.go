package command

import (
	"context"
	"fmt"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

type tokenCmd struct {
	List    tokenList    `cmd:"" help:"List all: whether they work, when they were last used, when they expire."`
	Create  tokenCreate  `cmd:"" help:"Create one; its secret is shown this once."`
	Show    tokenShow    `cmd:"" aliases:"get" help:"Show one, without its secret."`
	Edit    tokenEdit    `cmd:"" help:"Rename one, or have it valid for another duration, from now on."`
	Refresh tokenRefresh `cmd:"" help:"Have one valid for another year."`
	Rotate  tokenRotate  `cmd:"" help:"Give one another secret, which is shown this once."`
	Enable  tokenEnable  `cmd:"" help:"Turn one on again."`
	Disable tokenDisable `cmd:"" help:"Turn one off; it stops working at once."`
	Delete  tokenDelete  `cmd:"" help:"Delete one; it stops working at once."`
}

type tokenName struct {
	Name string `arg:"" name:"token" help:"Id or name."`
}

type tokenList struct {
	remote
	reading
}

func (c *tokenList) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return list(ctx, t, &c.reading, cl.ServiceTokens, func(tab *table, k client.ServiceToken) {
		tab.row(k.ID, k.Name, k.ClientID, tokenState(k), dateOf(k.LastSeenAt, momentLayout), expiry(k, time.DateOnly))
	}, "ID", "NAME", "CLIENT ID", "STATE", "LAST SEEN", "EXPIRES")
}

// tokenState says whether a token works.
func tokenState(k client.ServiceToken) string {
	switch {
	case k.IsDisabled():
		return "disabled"
	case !k.ExpiresAt.IsZero() && time.Now().After(k.ExpiresAt):
		return "expired"
	}
	return "ok"
}

func dateOf(at time.Time, layout string) string {
	if at.IsZero() {
		return "-"
	}
	return at.Local().Format(layout)
}

func expiry(k client.ServiceToken, layout string) string {
	if k.Duration == "forever" {
		return "never"
	}
	return dateOf(k.ExpiresAt, layout)
}

func tokenFields(tab *table, k client.ServiceToken) {
	tab.row("id", k.ID)
	tab.row("name", k.Name)
	tab.row("client id", k.ClientID)
	if k.ClientSecret != "" {
		tab.row("client secret", k.ClientSecret)
	}
	tab.row("state", tokenState(k))
	tab.row("last seen", dateOf(k.LastSeenAt, time.RFC3339))
	tab.row("expires", expiry(k, time.RFC3339))
	if time.Now().Before(k.PreviousUntil) {
		tab.row("previous secret", "until "+k.PreviousUntil.Format(time.RFC3339))
	}
}

type tokenCreate struct {
	remote
	output
	Name     string `required:"" env:"-" help:"Name."`
	Duration string `default:"8760h" env:"-" help:"How long it is valid, such as 8760h, or forever."`
	newSecret
}

func (c *tokenCreate) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	file, err := reserve(c.SecretFile, "--secret-file")
	if err != nil {
		return err
	}
	defer file.release()
	item, err := cl.ServiceTokens.Create(ctx, client.ServiceToken{Name: c.Name, Duration: c.Duration})
	if err != nil {
		return err
	}
	return tellSecret(ctx, t, cl, &c.output, file, item, "was created, but its secret was not kept, so delete it")
}

// newSecret is where a secret goes that is told once.
type newSecret struct {
	SecretFile string `type:"path" env:"-" help:"Write the secret to this new file, of mode 0600, in place of showing it." placeholder:"PATH"`
}

// tellSecret shows a token whose secret is new, or writes the secret to its file and shows the rest.
func tellSecret(ctx context.Context, t *cli.Terminal, cl *client.Client, o *output, file *reservation,
	item client.Item[client.ServiceToken], lost string) error {
	if file.path != "" {
		err := file.keep(item.Value.ClientSecret)
		if err != nil {
			return fmt.Errorf("token %s %s: %w", item.Value.ID, lost, err)
		}
		if item, err = cl.ServiceTokens.Get(ctx, item.Value.ID); err != nil {
			return err
		}
	}
	return one(t, o, item, tokenFields)
}

type tokenShow struct {
	remote
	reading
	tokenName
}

func (c *tokenShow) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return get(ctx, t, &c.reading, cl.ServiceTokens, c.Name, tokenFields)
}

type tokenDelete struct {
	remote
	confirmation
	tokenName
}

func (c *tokenDelete) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return remove(ctx, t, &c.confirmation, cl.ServiceTokens, c.Name)
}
