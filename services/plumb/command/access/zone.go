package access

import (
	"context"
	"fmt"
	"strings"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// Zones is the command plumb zone.
type Zones struct {
	List   resource.List[zoneName, client.Object]               `cmd:"" help:"List zones."`
	Create resource.Create[zoneName, zoneCreate, client.Object] `cmd:"" help:"Create a zone. API tokens can be limited to it."`
	Show   resource.Show[zoneName, client.Object]               `cmd:"" aliases:"get" help:"Show a zone."`
	Edit   resource.Update[zoneName, zoneEdit, client.Object]   `cmd:"" help:"Change a zone's name or hosts."`
	Delete resource.Delete[zoneName, client.Object]             `cmd:"" help:"Delete a zone that has no application."`
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
	Name string   `required:"" env:"-" help:"Name, such as example.com."`
	Host []string `env:"-" help:"Host suffix of the zone's applications. Defaults to the name. Repeatable." placeholder:"HOST"`
}

// Body returns the zone of the flags.
func (c zoneCreate) Body(context.Context, *cli.Terminal, *client.Client) (any, error) {
	return zoneBody(c.Name, c.Host), nil
}

type zoneEdit struct {
	Name string   `env:"-" help:"New name."`
	Host []string `env:"-" help:"Host suffix that replaces those of the zone. Repeatable." placeholder:"HOST"`
}

// Body returns the members of the given flags.
func (c zoneEdit) Body() (any, error) {
	if body := zoneBody(c.Name, c.Host); len(body) > 0 {
		return body, nil
	}
	return nil, nil
}

// zoneBody returns the members of a zone that are not empty.
func zoneBody(name string, hosts []string) map[string]any {
	body := map[string]any{}
	if name != "" {
		body["name"] = name
	}
	if len(hosts) > 0 {
		body["x_host_suffixes"] = hosts
	}
	return body
}
