package apply

import (
	"net/url"
	"slices"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/appmatch"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/plumb/client"
)

// covering returns the changed applications that protect scoring APIs, by the change of the integration. Storing an
// integration calls its scoring API with a token of the application, so the application has to be stored first.
func covering(changes []*Change) map[*Change]*Change {
	var apps []catalog.Record[proto.Application]
	by := map[proto.ID]*Change{}
	for n, c := range changes {
		if c.Kind != client.KindApplication || c.Action == Delete {
			continue
		}
		spec := c.spec
		if c.have != nil {
			spec = merge(c.Kind, c.have, c.spec)
		}
		id := proto.ID{14: byte(n >> 8), 15: byte(n)}
		by[id] = c
		apps = append(apps, catalog.Record[proto.Application]{Value: &proto.Application{ID: id, Domains: protects(spec)}})
	}
	matcher := appmatch.Compile(apps)
	found := map[*Change]*Change{}
	for _, c := range changes {
		u := calls(c)
		if u == nil {
			continue
		}
		if app, covered := matcher.Find(u); covered && by[app.Value.ID].Action != "" {
			found[c] = by[app.Value.ID]
		}
	}
	return found
}

// calls returns the URL that the control plane calls when a change is stored, or nil.
func calls(c *Change) *url.URL {
	touched := c.Action == Create || c.Action == Update &&
		slices.ContainsFunc(c.Fields, func(f Field) bool { return strings.HasPrefix(f.Path, "config") })
	if c.Kind != client.KindIntegration || !touched {
		return nil
	}
	spec := c.spec
	if c.have != nil {
		spec = merge(c.Kind, c.have, c.spec)
	}
	config, _ := spec["config"].(map[string]any)
	text, _ := config["api_url"].(string)
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil
	}
	return u
}
