package access

import (
	"context"
	"fmt"
	"strings"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// Zones is the command plumb zone.
type Zones struct {
	List   resource.List[zoneName, client.Object]   `cmd:"" help:"List zones."`
	Create zoneCreate                               `cmd:"" help:"Create a zone. API tokens can be limited to it."`
	Show   resource.Show[zoneName, client.Object]   `cmd:"" aliases:"get" help:"Show a zone."`
	Edit   zoneEdit                                 `cmd:"" help:"Change a zone's name or hosts."`
	Delete resource.Delete[zoneName, client.Object] `cmd:"" help:"Delete a zone that has no application."`
}

type zoneName struct {
	Zone string `arg:"" help:"ID or name of the zone."`
}

func (n zoneName) Typed() string { return n.Zone }

func (zoneName) Kind() resource.Kind[client.Object] { return zones }

var zones = resource.Kind[client.Object]{
	Collection: func(cl *client.Client) client.Collection[client.Object] { return cl.Objects(client.KindZone) },
	Header:     []any{"ID", "NAME", "HOSTS", "SET BY"},
	Row: func(o client.Object) []any {
		return []any{o.ResourceID(), o.ResourceName(), zoneHosts(o), zoneOrigin(o)}
	},
	Fields: func(tab *render.Table, o client.Object) {
		tab.Row("id", o.ResourceID())
		tab.Row("name", o.ResourceName())
		tab.Row("hosts", zoneHosts(o))
		tab.Row("set by", zoneOrigin(o))
	},
}

func zoneHosts(o client.Object) string {
	list, _ := o["x_host_suffixes"].([]any)
	hosts := make([]string, len(list))
	for n, host := range list {
		hosts[n] = fmt.Sprint(host)
	}
	return strings.Join(hosts, " ")
}

// zoneOrigin says who defines a zone: requests to the API, or the configuration of the control plane.
func zoneOrigin(o client.Object) string {
	if o["x_configured"] == true {
		return "configuration (--zone)"
	}
	return "api"
}

type zoneCreate struct {
	remote.Flags
	render.Output
	Name string   `required:"" env:"-" help:"Name, such as example.com."`
	Host []string `env:"-" help:"Host suffix of the zone's applications. Defaults to the name. Repeatable." placeholder:"HOST"`
}

func (c *zoneCreate) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	body := map[string]any{"name": c.Name}
	if len(c.Host) > 0 {
		body["x_host_suffixes"] = c.Host
	}
	return zones.Create(ctx, t, cl, &c.Output, body)
}

type zoneEdit struct {
	remote.Flags
	render.Output
	zoneName
	Name string   `env:"-" help:"New name."`
	Host []string `env:"-" help:"Host suffix that replaces those of the zone. Repeatable." placeholder:"HOST"`
}

func (c *zoneEdit) Run(ctx context.Context, t *cli.Terminal) error {
	body := map[string]any{}
	if c.Name != "" {
		body["name"] = c.Name
	}
	if len(c.Host) > 0 {
		body["x_host_suffixes"] = c.Host
	}
	if len(body) == 0 {
		return resource.ErrNothing
	}
	cl, err := c.Client()
	if err != nil {
		return err
	}
	collection := zones.Collection(cl)
	found, err := collection.Find(ctx, c.Zone)
	if err != nil {
		return err
	}
	item, err := collection.Update(ctx, found.Value.ResourceID(), body)
	if err != nil {
		return err
	}
	return zones.Print(t, &c.Output, item)
}
