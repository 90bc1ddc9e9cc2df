package command

import (
	"context"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

type integrationCmd struct {
	List   integrationList   `cmd:"" help:"List all."`
	Create integrationCreate `cmd:"" help:"Create one; its URL is tried first."`
	Show   integrationShow   `cmd:"" aliases:"get" help:"Show one."`
	Edit   integrationEdit   `cmd:"" help:"Change one; what is not given stays."`
	Pause  integrationPause  `cmd:"" help:"Stop polling one."`
	Resume integrationResume `cmd:"" help:"Poll one again, at once."`
	Delete integrationDelete `cmd:"" help:"Delete one; its results are closed."`
}

type integrationName struct {
	Integration string `arg:"" help:"Id or name."`
}

type integrationList struct {
	remote
	reading
}

func (c *integrationList) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return list(ctx, t, &c.reading, cl.Integrations, func(tab *table, i client.Integration) {
		tab.row(i.ID, i.Name, i.Interval, integrationState(i), orDash(i.Config.APIURL))
	}, "ID", "NAME", "INTERVAL", "STATE", "URL")
}

// integrationState says how one stands: only those of one type are polled.
func integrationState(i client.Integration) string {
	switch {
	case i.Type != proto.TypeCustomS2S:
		return unsupported
	case i.IsPaused():
		return "paused"
	}
	return "ok"
}

func integrationFields(tab *table, i client.Integration) {
	tab.row("id", i.ID)
	tab.row("name", i.Name)
	tab.row("interval", i.Interval)
	tab.row("state", integrationState(i))
	if i.Type != proto.TypeCustomS2S {
		tab.row("type", i.Type)
	}
	tab.row("url", orDash(i.Config.APIURL))
	if i.Config.ClientID != "" {
		tab.row("client id", i.Config.ClientID)
	}
}

type integrationCreate struct {
	remote
	output
	Name     string `required:"" env:"-" help:"Name."`
	APIURL   string `name:"api-url" required:"" env:"-" help:"URL that devices are posted to."`
	Interval string `default:"10m" env:"-" help:"How often it is polled: a number and m or h."`
	ClientID string `required:"" help:"Client ID of the service token that it is called with."`
	clientSecret
	Concurrency int  `env:"-" help:"Calls under way at once; without it, the control plane's default."`
	Paused      bool `env:"-" help:"Do not poll it yet."`
}

func (c *integrationCreate) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	secret, err := c.secret(ctx, t)
	if err != nil {
		return err
	}
	body := client.Integration{Name: c.Name, Type: proto.TypeCustomS2S, Interval: c.Interval, Concurrency: c.Concurrency,
		Config: client.IntegrationConfig{APIURL: c.APIURL, ClientID: c.ClientID, ClientSecret: secret}}
	if c.Paused {
		body.Paused = &c.Paused
	}
	item, err := cl.Integrations.Create(ctx, body)
	if err != nil {
		return err
	}
	return one(t, &c.output, item, integrationFields)
}

type integrationShow struct {
	remote
	reading
	integrationName
}

func (c *integrationShow) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return get(ctx, t, &c.reading, cl.Integrations, c.Integration, integrationFields)
}

type integrationEdit struct {
	remote
	output
	integrationName
	Name     string `env:"-" help:"New name."`
	APIURL   string `name:"api-url" env:"-" help:"New URL."`
	Interval string `env:"-" help:"New interval."`
	ClientID string `env:"-" help:"New Client ID."`
	clientSecret
	Concurrency int `env:"-" help:"New bound of calls under way at once."`
}

func (c *integrationEdit) Run(ctx context.Context, t *cli.Terminal) error {
	secret, err := c.given()
	if err != nil {
		return err
	}
	body := client.Integration{Name: c.Name, Interval: c.Interval, Concurrency: c.Concurrency,
		Config: client.IntegrationConfig{APIURL: c.APIURL, ClientID: c.ClientID, ClientSecret: secret}}
	if body != (client.Integration{}) {
		return c.change(ctx, t, &c.remote, &c.output, body)
	}
	return edit(ctx, t, &c.remote, &c.output, func(cl *client.Client) client.Collection[client.Integration] { return cl.Integrations }, c.Integration, integrationFields)
}

// change sends what is set in body.
func (n *integrationName) change(ctx context.Context, t *cli.Terminal, r *remote, o *output, body client.Integration) error {
	cl, err := r.client()
	if err != nil {
		return err
	}
	item, err := cl.Integrations.Find(ctx, n.Integration)
	if err != nil {
		return err
	}
	if item, err = cl.Integrations.Update(ctx, item.Value.ID, body); err != nil {
		return err
	}
	return one(t, o, item, integrationFields)
}

type integrationPause struct {
	remote
	output
	integrationName
}

func (c *integrationPause) Run(ctx context.Context, t *cli.Terminal) error {
	return c.change(ctx, t, &c.remote, &c.output, client.Integration{Paused: new(true)})
}

type integrationResume struct {
	remote
	output
	integrationName
}

func (c *integrationResume) Run(ctx context.Context, t *cli.Terminal) error {
	return c.change(ctx, t, &c.remote, &c.output, client.Integration{Paused: new(false)})
}

type integrationDelete struct {
	remote
	confirmation
	integrationName
}

func (c *integrationDelete) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return remove(ctx, t, &c.confirmation, cl.Integrations, c.Integration)
}
