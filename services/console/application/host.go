package application

import (
	"maps"
	"slices"

	"plumbline.dev/services/plumb/client"
)

// public reports whether a destination is a host. One without a type is.
func public(kind string) bool { return kind == "" || kind == "public" }

// hostsOf returns the hosts of a stored application.
func hostsOf(body client.Object) []string {
	var hosts []string
	for _, d := range destinationsOf(body) {
		if uri, _ := d["uri"].(string); isHost(d) && uri != "" {
			hosts = append(hosts, uri)
		}
	}
	if domain, _ := body["domain"].(string); len(hosts) == 0 && domain != "" {
		hosts = []string{domain}
	}
	return hosts
}

func isHost(destination map[string]any) bool {
	kind, _ := destination["type"].(string)
	return public(kind)
}

func destinationsOf(body client.Object) (all []map[string]any) {
	list, _ := body["destinations"].([]any)
	for _, one := range list {
		if d, ok := one.(map[string]any); ok {
			all = append(all, d)
		}
	}
	return all
}

// setHosts changes the hosts of an application. A host that stays keeps its further members, and destinations other
// than hosts stay. It returns false if the application would protect nothing.
func setHosts(body client.Object, hosts []string) bool {
	if len(hosts) > 0 && slices.Equal(hosts, hostsOf(body)) {
		return true
	}
	before := destinationsOf(body)
	after := []map[string]any{}
	for _, h := range hosts {
		d := map[string]any{"type": "public", "uri": h}
		if n := slices.IndexFunc(before, func(d map[string]any) bool { return isHost(d) && d["uri"] == h }); n >= 0 {
			maps.Copy(d, before[n])
		}
		after = append(after, d)
	}
	for _, d := range before {
		if !isHost(d) {
			after = append(after, d)
		}
	}
	delete(body, "self_hosted_domains")
	domain, _ := body["domain"].(string)
	switch {
	case len(hosts) == 0:
		delete(body, "domain")
	case !slices.Contains(hosts, domain):
		body["domain"] = hosts[0]
	}
	body["destinations"] = after
	return len(after) > 0
}
