package posture

import (
	"context"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// Integrations is the command plumb integration.
type Integrations struct {
	List   resource.List[integrationName, client.Integration]                      `cmd:"" help:"List integrations."`
	Create resource.Create[integrationName, integrationCreate, client.Integration] `cmd:"" help:"Create an integration, after a test request to its URL."`
	Show   resource.Show[integrationName, client.Integration]                      `cmd:"" aliases:"get" help:"Show an integration."`
	Edit   resource.Update[integrationName, integrationEdit, client.Integration]   `cmd:"" help:"Change an integration. Settings without a flag stay as they are."`
	Pause  resource.Update[integrationName, pause, client.Integration]             `cmd:"" help:"Stop polling an integration."`
	Resume resource.Update[integrationName, resume, client.Integration]            `cmd:"" help:"Poll a paused integration again, starting now."`
	Test   integrationTest                                                         `cmd:"" help:"Test an integration without saving it: connection, credentials, response and scores."`
	Delete resource.Delete[integrationName, client.Integration]                    `cmd:"" help:"Delete an integration and close its results."`
}

type integrationName struct {
	Integration string `arg:"" help:"Id or name of the integration."`
}

func (n integrationName) Typed() string { return n.Integration }

func (integrationName) Kind() resource.Kind[client.Integration] { return integrations }

var integrations = resource.Kind[client.Integration]{
	Collection: func(cl *client.Client) client.Collection[client.Integration] { return cl.Integrations },
	Header:     []any{"ID", "NAME", "INTERVAL", "STATE", "URL"},
	Row: func(i client.Integration) []any {
		return []any{i.ID, i.Name, i.Interval, integrationState(i), render.OrDash(i.Config.APIURL)}
	},
	Fields: integrationFields,
}

// integrationState returns whether an integration is polled: ok, paused, or unsupported for every type but one.
func integrationState(i client.Integration) string {
	switch {
	case i.Type != proto.TypeCustomS2S:
		return render.Unsupported
	case i.IsPaused():
		return "paused"
	}
	return "ok"
}

func integrationFields(tab *render.Table, i client.Integration) {
	tab.Row("id", i.ID)
	tab.Row("name", i.Name)
	tab.Row("interval", i.Interval)
	tab.Row("state", integrationState(i))
	if i.Type != proto.TypeCustomS2S {
		tab.Row("type", i.Type)
	}
	tab.Row("url", render.OrDash(i.Config.APIURL))
	if i.Config.ClientID != "" {
		tab.Row("client id", i.Config.ClientID)
	}
}

type integrationCreate struct {
	Name     string `required:"" env:"-" help:"Name of the integration."`
	APIURL   string `name:"api-url" required:"" env:"-" help:"URL of the scoring API, which receives devices by POST."`
	Interval string `default:"10m" env:"-" help:"Time between polls: a number and m or h."`
	ClientID string `required:"" help:"Client ID of the service token for calls to the scoring API."`
	resource.ClientSecret
	Concurrency int  `env:"-" help:"Concurrent calls at most. Default: the control plane's."`
	Paused      bool `env:"-" help:"Create the integration without polling it."`
}

// Body returns the integration of the flags. It asks for the secret, unless the flags have one.
func (c integrationCreate) Body(ctx context.Context, t *cli.Terminal, _ *client.Client) (any, error) {
	secret, err := c.Secret(ctx, t)
	if err != nil {
		return nil, err
	}
	body := client.Integration{Name: c.Name, Type: proto.TypeCustomS2S, Interval: c.Interval, Concurrency: c.Concurrency,
		Config: client.IntegrationConfig{APIURL: c.APIURL, ClientID: c.ClientID, ClientSecret: secret}}
	if c.Paused {
		body.Paused = &c.Paused
	}
	return body, nil
}

type integrationEdit struct {
	Name     string `env:"-" help:"New name."`
	APIURL   string `name:"api-url" env:"-" help:"New URL of the scoring API."`
	Interval string `env:"-" help:"New time between polls."`
	ClientID string `env:"-" help:"New Client ID."`
	resource.ClientSecret
	Concurrency int `env:"-" help:"New number of concurrent calls at most."`
}

// Body returns the members of the given flags.
func (c integrationEdit) Body() (any, error) {
	secret, err := c.Given()
	if err != nil {
		return nil, err
	}
	body := client.Integration{Name: c.Name, Interval: c.Interval, Concurrency: c.Concurrency,
		Config: client.IntegrationConfig{APIURL: c.APIURL, ClientID: c.ClientID, ClientSecret: secret}}
	if body == (client.Integration{}) {
		return nil, nil
	}
	return body, nil
}

type pause struct{}

// Body pauses an integration.
func (pause) Body() (any, error) { return client.Integration{Paused: new(true)}, nil }

type resume struct{}

// Body resumes an integration.
func (resume) Body() (any, error) { return client.Integration{Paused: new(false)}, nil }
