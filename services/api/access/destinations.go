package access

import (
	"encoding/json"
	"reflect"
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/appmatch"
)

// destinations are the URLs that an application protects, in the three views that clients know: domain,
// self_hosted_domains and destinations. Responses hold all three views, consistent with each other (api/README.md 3.4).
type destinations struct {
	domain string
	hosts  []string    // public destinations only
	list   []v4.Object // all destinations
}

var destinationTypes = []string{"public", "private", "via_mcp_server_portal", "worker", "preview_worker"}

// parseDestinations reads the views in a body. Null and empty views count as absent.
func parseDestinations(body v4.Object) (destinations, error) {
	var d destinations
	var err error
	if d.domain, err = body.Text("domain"); err != nil {
		return d, err
	}
	if body.Has("self_hosted_domains") && json.Unmarshal(body["self_hosted_domains"], &d.hosts) != nil {
		return d, v4.Invalid("self_hosted_domains must be a list of strings")
	}
	if body.Has("destinations") && json.Unmarshal(body["destinations"], &d.list) != nil {
		return d, v4.Invalid("destinations must be a list of objects")
	}
	for n, o := range d.list {
		for name, v := range o {
			if v4.IsNull(v) {
				delete(o, name)
			}
		}
		kind, err := o.Text("type")
		if err == nil && kind == "" {
			kind = "public"
			if o == nil {
				return d, v4.Invalid("destinations[%d] must be an object", n)
			}
			o.Set("type", kind)
		}
		if err != nil || !slices.Contains(destinationTypes, kind) {
			return d, v4.Invalid("destinations[%d].type must be one of public, private, via_mcp_server_portal, worker, "+
				"preview_worker", n)
		}
		if uri, err := o.Text("uri"); err != nil || kind == "public" && uri == "" {
			return d, v4.Invalid("destinations[%d] needs a uri such as app.example.com/path", n)
		}
	}
	return d, nil
}

// readDestinations merges the three views. If several are sent, destinations takes precedence over self_hosted_domains,
// and self_hosted_domains over domain. A view that is sent back unchanged does not override one that changed, so a
// client may read an application, change one view, and write it.
func readDestinations(body v4.Object, before *destinations) (destinations, error) {
	sent, err := parseDestinations(body)
	if err != nil {
		return sent, err
	}
	if before != nil {
		sent.ignoreUnchanged(before)
	}
	d := sent
	switch {
	case len(sent.list) > 0:
		d.hosts = publicHosts(sent.list)
	case len(sent.hosts) > 0:
		d.list = publicDestinations(sent.hosts)
	case sent.domain != "":
		d.hosts = []string{sent.domain}
		d.list = publicDestinations(d.hosts)
	default:
		return d, v4.Invalid("an application needs a domain or destinations")
	}
	if err := checkHosts(d.hosts); err != nil {
		return d, err
	}
	switch {
	case d.domain == "" && len(d.hosts) > 0:
		d.domain = d.hosts[0]
	case d.domain != "" && !among(d.hosts, d.domain):
		return d, v4.Invalid("domain must be one of the public destinations: omit it, or add it to destinations")
	}
	return d, nil
}

// ignoreUnchanged drops unchanged views if another view changed. The domain is dropped only if it is no longer one of
// the destinations. If only the domain changed, all views count: the domain says nothing about further destinations,
// which would be lost unnoticed. Changed hosts leave destinations other than hosts as they are.
func (d *destinations) ignoreUnchanged(before *destinations) {
	sameDomain := d.domain == "" || d.domain == before.domain
	sameHosts := len(d.hosts) == 0 || sameTexts(d.hosts, before.hosts)
	sameList := len(d.list) == 0 || reflect.DeepEqual(plain(d.list), plain(before.list))
	switch {
	case !sameList:
		if sameHosts {
			d.hosts = nil
		}
		if sameDomain && !among(publicHosts(d.list), d.domain) {
			d.domain = ""
		}
	case !sameHosts:
		if d.list != nil {
			d.list = append(publicDestinations(d.hosts), slices.DeleteFunc(d.list, isPublic)...)
		}
		if sameDomain && !among(d.hosts, d.domain) {
			d.domain = ""
		}
	case !sameDomain && len(before.list) == 1:
		d.list, d.hosts = nil, nil
	}
}

// sameTexts compares two lists, ignoring order: a client keeps self_hosted_domains as a set.
func sameTexts(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func isPublic(o v4.Object) bool {
	kind, _ := o.Text("type")
	return kind == "public"
}

// publicHosts returns the hosts and paths of the public destinations in a list, in order.
func publicHosts(list []v4.Object) (hosts []string) {
	for _, o := range list {
		if isPublic(o) {
			uri, _ := o.Text("uri")
			hosts = append(hosts, uri)
		}
	}
	return hosts
}

// among reports whether one of the destinations covers the same URLs as domain.
func among(hosts []string, domain string) bool {
	return slices.ContainsFunc(hosts, func(h string) bool { return sameDestination(h, domain) })
}

// plain returns the decoded JSON of a list, for comparisons that ignore its formatting.
func plain(list []v4.Object) (v any) {
	b, err := v4.Encode(list)
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		return nil
	}
	return v
}

func publicDestinations(hosts []string) []v4.Object {
	list := make([]v4.Object, len(hosts))
	for n, h := range hosts {
		list[n] = v4.Object{}
		list[n].Set("type", "public")
		list[n].Set("uri", h)
	}
	return list
}

func checkHosts(hosts []string) error {
	seen := map[string]bool{}
	for _, h := range hosts {
		p, err := appmatch.Parse(h)
		if err != nil {
			return v4.Invalid("%v", err)
		}
		if seen[p.String()] {
			return v4.Invalid("duplicate destination %q", v4.Clip(h))
		}
		seen[p.String()] = true
	}
	return nil
}

// sameDestination reports whether two destinations cover the same URLs.
func sameDestination(a, b string) bool {
	pa, err1 := appmatch.Parse(a)
	pb, err2 := appmatch.Parse(b)
	return err1 == nil && err2 == nil && pa.String() == pb.String()
}

// put writes the views into the body that is stored and returned.
func (d *destinations) put(body v4.Object) {
	body.Set("destinations", d.list)
	if len(d.hosts) == 0 {
		delete(body, "domain")
		delete(body, "self_hosted_domains")
		return
	}
	body.Set("domain", d.domain)
	body.Set("self_hosted_domains", d.hosts)
}

// newDestinations returns the destinations that an application did not have before. It keeps its old ones until it is
// written.
func newDestinations(app, old *proto.Application) []string {
	var had []string
	if old != nil {
		had = CanonicalDestinations(old)
	}
	return slices.DeleteFunc(CanonicalDestinations(app), func(d string) bool { return slices.Contains(had, d) })
}

// CanonicalDestinations returns the destinations of an application in canonical form.
func CanonicalDestinations(app *proto.Application) []string {
	var all []string
	for _, d := range app.Domains {
		if p, err := appmatch.Parse(d); err == nil {
			all = append(all, p.String())
		}
	}
	return all
}
