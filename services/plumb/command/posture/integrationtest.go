package posture

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// integrationTest is the command to test an integration without saving it.
type integrationTest struct {
	remote.Flags
	render.Output

	Integration string   `arg:"" optional:"" help:"Id or name of the integration. Without one, the flags or the file are a new integration."`
	File        string   `short:"f" env:"-" type:"path" help:"File with the members to change, or with a new integration: as plumb integration show -o yaml shows it, or a document of plumb apply. - reads standard input." placeholder:"PATH"`
	APIURL      string   `name:"api-url" env:"-" help:"URL of the scoring API."`
	ClientID    string   `help:"Client ID of the service token for the call."`
	Devices     []string `name:"device" env:"-" sep:"none" help:"Device to ask about, by id or host name. Repeat for several. Default: the first five enrolled devices."`
	None        bool     `env:"-" help:"Ask about no devices."`
	Raw         bool     `env:"-" help:"Show the request and the response too."`
	resource.ClientSecret
}

// Help returns the text that --help shows below the summary.
func (integrationTest) Help() string {
	return "A fetcher calls the scoring API once, as a poll would, and nothing is saved. The stored secret is used " +
		"unless another one is given; it is only sent to the host it was stored for. Secrets are never shown. The " +
		"command fails if the call does."
}

// Run tests the integration and shows the result.
func (c *integrationTest) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	q, err := c.request(ctx, t, cl)
	if err != nil {
		return err
	}
	item, err := cl.TestIntegration(ctx, q)
	if err != nil {
		return err
	}
	v := &item.Value
	if err := c.Show(t, item, func(tab *render.Table) { testRows(tab, v) }); err != nil {
		return err
	}
	if c.Format == "table" {
		if err := testedDevices(t, v); err != nil {
			return err
		}
		if c.Raw {
			if err := rawTest(t, v); err != nil {
				return err
			}
		}
	}
	if v.Error != "" {
		return errors.New("the test failed (" + v.Error + ")")
	}
	return nil
}

// request returns the request of the flags.
func (c *integrationTest) request(ctx context.Context, t *cli.Terminal,
	cl *client.Client) (q client.IntegrationTestRequest, err error) {
	body := map[string]any{}
	if c.Integration != "" {
		if q.IntegrationID, err = resource.ID(ctx, cl.Integrations, c.Integration); err != nil {
			return q, err
		}
	}
	if c.File != "" {
		if body, err = readFile(t, c.File, client.KindIntegration); err != nil {
			return q, err
		}
	}
	if err := c.change(ctx, t, body); err != nil {
		return q, err
	}
	if len(body) > 0 {
		q.Integration = body
	}
	q.Devices, err = c.devices(ctx, cl)
	return q, err
}

// change sets the members of the flags. It asks for the secret of a new integration, unless the flags or the file have
// one.
func (c *integrationTest) change(ctx context.Context, t *cli.Terminal, body map[string]any) error {
	secret, err := c.Given()
	if err != nil {
		return err
	}
	config := map[string]any{}
	for name, v := range map[string]string{"api_url": c.APIURL, "access_client_id": c.ClientID,
		"access_client_secret": secret} {
		if v != "" {
			config[name] = v
		}
	}
	if c.Integration == "" {
		if c.File == "" && c.APIURL == "" {
			return cli.Usage("name an integration, or describe a new one: give --file, or --api-url and --client-id")
		}
		for name, v := range map[string]any{"name": "test", "type": proto.TypeCustomS2S, "interval": "1h"} {
			if body[name] == nil {
				body[name] = v
			}
		}
		stored, _ := body["config"].(map[string]any)
		if config["access_client_secret"] == nil && stored["access_client_secret"] == nil {
			if config["access_client_secret"], err = c.Secret(ctx, t); err != nil {
				return err
			}
		}
	}
	if len(config) > 0 {
		maps.Copy(resource.Member(body, "config"), config)
	}
	return nil
}

func (c *integrationTest) devices(ctx context.Context, cl *client.Client) (*[]string, error) {
	if c.None && len(c.Devices) > 0 {
		return nil, cli.Usage("give either --device or --none, not both")
	}
	if !c.None && len(c.Devices) == 0 {
		return nil, nil
	}
	ids := []string{}
	for _, name := range c.Devices {
		id, err := cl.FindDevice(ctx, name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return &ids, nil
}

func testRows(tab *render.Table, v *client.IntegrationTest) {
	state := "ok"
	if v.Error != "" {
		state = "failed"
	}
	tab.Row("test", state)
	if v.Detail != "" {
		tab.Row("detail", v.Detail)
	}
	if c := v.Connection; c != nil {
		tab.Row("connection", render.Noted(render.OrDash(c.Address), connectionNote(c)))
		if x := c.Certificate; x != nil {
			trust := "not trusted"
			if x.Trusted {
				trust = "trusted"
			}
			tab.Row("certificate", fmt.Sprintf("%s, valid to %s, issued by %s", trust, x.NotAfter.UTC().Format(time.DateOnly),
				x.Issuer))
		}
	}
	if c := v.Credential; c != nil {
		kind := "Client ID and Secret"
		if c.Kind == "application_token" {
			kind = "application token of " + render.OrDash(c.ApplicationName)
		}
		tab.Row("credential", render.Noted(kind+": "+c.Status, c.Detail))
	}
	if r := v.Response; r != nil {
		tab.Row("response", fmt.Sprintf("%d in %.0f ms, %d bytes, %s", r.Status, r.TookMS, r.Size, r.Protocol))
	}
	tab.Row("devices", fmt.Sprintf("%d asked, %d answered, %d missing, %d invalid, %d unknown", v.Asked, v.Answered,
		v.Missing, v.Invalid, v.Unknown))
}

func connectionNote(c *client.TestConnection) string {
	if c.Failure != "" {
		return c.Failure
	}
	note := fmt.Sprintf("%.0f ms", c.ResolvedMS+c.ConnectedMS+c.HandshakeMS)
	if c.TLSVersion != "" {
		note += ", " + c.TLSVersion
	}
	if c.Proxied {
		note += ", through a proxy"
	}
	return note
}

// testedDevices shows the devices with what each check would decide.
func testedDevices(t *cli.Terminal, v *client.IntegrationTest) error {
	if len(v.Devices) == 0 {
		return nil
	}
	tab := render.NewTable(t)
	tab.Row()
	header := []any{"DEVICE", "NAME", "SCORE", "PROBLEM"}
	for _, c := range v.Checks {
		header = append(header, fmt.Sprintf("%s %s %g", c.Name, c.Operator, c.Score))
	}
	tab.Row(header...)
	for _, d := range v.Devices {
		row := []any{d.ID, render.OrDash(d.Name), render.Number(d.Score), render.OrDash(d.Problem)}
		for _, c := range d.Checks {
			row = append(row, c.Outcome)
		}
		tab.Row(row...)
	}
	return tab.Flush()
}

// rawTest shows the request and the response.
func rawTest(t *cli.Terminal, v *client.IntegrationTest) error {
	tab := render.NewTable(t)
	show := func(first string, header []client.TestHeader, body string, cut bool) {
		tab.Row()
		tab.Row(first)
		for _, h := range header {
			tab.Row(h.Name + ": " + h.Value)
		}
		tab.Row()
		tab.Row(body)
		if cut {
			tab.Row("(the rest is left out)")
		}
	}
	if r := v.Request; r != nil {
		show(r.Method+" "+r.URL, r.Header, r.Body, r.Cut)
	}
	if r := v.Response; r != nil && r.Withheld != "" {
		tab.Row()
		tab.Row(fmt.Sprintf("%s %d", r.Protocol, r.Status))
		tab.Row(r.Withheld)
	} else if r != nil {
		show(fmt.Sprintf("%s %d", r.Protocol, r.Status), r.Header, r.Body, r.Cut || r.Unread)
	}
	return tab.Flush()
}
