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

// ServiceTokens is the command plumb token.
type ServiceTokens struct {
	List    resource.List[tokenName, client.ServiceToken]                 `cmd:"" help:"List service tokens, with their state, last use and expiry."`
	Create  tokenCreate                                                   `cmd:"" help:"Create a service token. Its secret is shown only once."`
	Show    resource.Show[tokenName, client.ServiceToken]                 `cmd:"" aliases:"get" help:"Show a service token without its secret."`
	Edit    resource.Update[tokenName, tokenEdit, client.ServiceToken]    `cmd:"" help:"Rename a service token, or set a new duration that starts now."`
	Refresh tokenRefresh                                                  `cmd:"" help:"Extend a service token's expiry by a year from now."`
	Rotate  tokenRotate                                                   `cmd:"" help:"Replace a service token's secret. The new secret is shown only once."`
	Enable  resource.Update[tokenName, tokenEnable, client.ServiceToken]  `cmd:"" help:"Enable a service token."`
	Disable resource.Update[tokenName, tokenDisable, client.ServiceToken] `cmd:"" help:"Disable a service token. It stops working at once."`
	Delete  resource.Delete[tokenName, client.ServiceToken]               `cmd:"" help:"Delete a service token. It stops working at once."`
}

type tokenName struct {
	Name string `arg:"" name:"token" completes:"service_token" help:"Id or name of the service token."`
}

func (n tokenName) Typed() string { return n.Name }

func (tokenName) Kind() resource.Kind[client.ServiceToken] { return serviceTokens }

var serviceTokens = resource.Kind[client.ServiceToken]{
	Collection: func(cl *client.Client) client.Collection[client.ServiceToken] { return cl.ServiceTokens },
	Header:     []any{"ID", "NAME", "CLIENT ID", "STATE", "LAST SEEN", "EXPIRES"},
	Row: func(k client.ServiceToken) []any {
		lastSeen := formatTime(k.LastSeenAt, render.MomentLayout)
		return []any{k.ID, k.Name, k.ClientID, tokenState(k), lastSeen, expiry(k, time.DateOnly)}
	},
	Fields: tokenFields,
}

// tokenState returns whether a token works: ok, disabled or expired.
func tokenState(k client.ServiceToken) string {
	switch {
	case k.IsDisabled():
		return "disabled"
	case !k.ExpiresAt.IsZero() && time.Now().After(k.ExpiresAt):
		return "expired"
	}
	return "ok"
}

// formatTime returns a time in this machine's zone, or a dash for the zero time.
func formatTime(at time.Time, layout string) string {
	if at.IsZero() {
		return "-"
	}
	return at.Local().Format(layout)
}

func expiry(k client.ServiceToken, layout string) string {
	if k.Duration == "forever" {
		return "never"
	}
	return formatTime(k.ExpiresAt, layout)
}

func tokenFields(tab *render.Table, k client.ServiceToken) {
	tab.Row("id", k.ID)
	tab.Row("name", k.Name)
	tab.Row("client id", k.ClientID)
	if k.ClientSecret != "" {
		tab.Row("client secret", k.ClientSecret)
	}
	tab.Row("state", tokenState(k))
	tab.Row("last seen", formatTime(k.LastSeenAt, time.RFC3339))
	tab.Row("expires", expiry(k, time.RFC3339))
	if time.Now().Before(k.PreviousUntil) {
		tab.Row("previous secret", "until "+k.PreviousUntil.Format(time.RFC3339))
	}
}

// newSecret is the flag for the destination of a new secret.
type newSecret struct {
	SecretFile string `type:"path" env:"-" help:"Write the secret to this new file, with mode 0600, instead of showing it." placeholder:"PATH"`
}

type tokenCreate struct {
	remote.Flags
	render.Output
	Name     string `required:"" env:"-" help:"Name of the service token."`
	Duration string `default:"8760h" env:"-" help:"Validity, such as 8760h, or forever."`
	newSecret
}

func (c *tokenCreate) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	file, err := resource.Reserve(c.SecretFile, "--secret-file")
	if err != nil {
		return err
	}
	defer file.Release()
	item, err := cl.ServiceTokens.Create(ctx, client.ServiceToken{Name: c.Name, Duration: c.Duration})
	if err != nil {
		return err
	}
	return serviceTokens.PrintSecret(ctx, t, cl, &c.Output, file, item, item.Value.ClientSecret,
		"was created, but its secret was not saved; delete the token")
}
