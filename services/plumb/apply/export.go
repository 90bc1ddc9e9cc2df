package apply

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"plumbline.dev/proto"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/document"
	"plumbline.dev/services/plumb/reference"
)

// Export returns documents for the resources of an account, in their order of creation. If several resources of a kind
// have the same name, a number is appended. The API does not return secrets: a document refers to an environment
// variable instead, and a comment explains its value.
func Export(s State) []document.Document {
	named := State{}
	for _, k := range order {
		named[k] = distinct(s[k])
	}
	x := newIndex(named)
	vars := map[string]bool{}
	var docs []document.Document
	for _, k := range order {
		for _, o := range named[k] {
			docs = append(docs, describe(k, o, x, vars))
		}
	}
	return docs
}

// distinct returns the resources with unique names, sorted by name.
func distinct(all []client.Object) []client.Object {
	used := map[string]bool{}
	out := make([]client.Object, len(all))
	for n, o := range all {
		out[n] = client.Object(cloned(o))
		base := cmp.Or(o.ResourceName(), "unnamed")
		name := base
		for i := 2; used[name]; i++ {
			name = fmt.Sprintf("%s (%d)", base, i)
		}
		used[name] = true
		out[n]["name"] = name
	}
	slices.SortStableFunc(out, func(a, b client.Object) int { return cmp.Compare(a.ResourceName(), b.ResourceName()) })
	return out
}

func describe(k client.Kind, o client.Object, x *index, vars map[string]bool) document.Document {
	d := document.Document{Kind: string(k), Name: o.ResourceName(), Spec: canonical(k, o, x)}
	for _, name := range append(slices.Clone(k.Traits().AnswerOnly), "name") {
		delete(d.Spec, name)
	}
	withoutNull(d.Spec)
	if config, ok := d.Spec["config"].(map[string]any); ok {
		delete(config, "redirect_url") // set by the control plane
		withoutNull(config)
	}
	policies, _ := d.Spec["policies"].([]any)
	for _, p := range policies {
		if own, ok := p.(map[string]any); ok {
			withoutNull(own)
		}
	}
	if k.Traits().Single {
		d.Name = ""
	}
	escaped(d.Spec)
	for _, s := range placeholders(k, d.Spec) {
		name := variable(d.Name, s.path[len(s.path)-1], vars)
		put(d.Spec, s.path, "${env:"+name+"}")
		d.Comment = append(d.Comment, fmt.Sprintf("Set %s: %s", name, s.why))
	}
	d.Comment = append(d.Comment, unresolved(k, d.Spec, x)...)
	return d
}

type placeholder struct {
	path []string
	why  string
}

// credentials returns the required credentials of an integration type. Cloudflare's API returns neither the Client ID
// nor the secrets.
func credentials(kind string, config map[string]any) []placeholder {
	var (
		id = placeholder{[]string{"config", "access_client_id"},
			"the Client ID for calls to the scoring API, or the name of the service token."}
		access = placeholder{[]string{"config", "access_client_secret"}, "the Client Secret for calls to the scoring API."}
		key    = placeholder{[]string{"config", "client_key"}, "the client key."}
		secret = placeholder{[]string{"config", "client_secret"}, "the client secret."}
	)
	there := config["access_client_id"] != nil
	switch {
	case kind == proto.TypeCustomS2S && !there:
		return []placeholder{id, access}
	case kind == proto.TypeCustomS2S:
		return []placeholder{access}
	case kind == "uptycs":
		return []placeholder{key, secret}
	case kind == "tanium_s2s" && there:
		return []placeholder{secret, access}
	}
	return []placeholder{secret}
}

// placeholders returns the required members of a resource missing from answers.
func placeholders(k client.Kind, spec map[string]any) []placeholder {
	config, _ := spec["config"].(map[string]any)
	text := func(name string) string { s, _ := spec[name].(string); return s }
	switch {
	case k == client.KindServiceToken && spec["x_client_id"] != nil:
		return []placeholder{{[]string{"x_client_secret"},
			"the Client Secret of the Client ID below, to keep both; remove both lines to create new credentials."}}
	case k == client.KindIntegration:
		return credentials(text("type"), config)
	case k == client.KindIdentityProvider && config["client_id"] != nil:
		return []placeholder{{[]string{"config", "client_secret"}, "the client secret that the provider assigned."}}
	}
	return nil
}

// variable returns an unused name of an environment variable for a member of a resource.
func variable(resource, member string, used map[string]bool) string {
	base := strings.Map(func(r rune) rune {
		if r < 128 && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return unicode.ToUpper(r)
		}
		return '_'
	}, resource+"_"+strings.TrimPrefix(member, "x_"))
	if base[0] >= '0' && base[0] <= '9' {
		base = "_" + base
	}
	name := base
	for i := 2; used[name]; i++ {
		name = fmt.Sprintf("%s_%d", base, i)
	}
	used[name] = true
	return name
}

// unresolved returns a comment for each reference to a missing resource.
func unresolved(k client.Kind, spec map[string]any, x *index) []string {
	var all []string
	_ = Refs(k, cloned(spec), func(to client.Kind, value string) (string, error) {
		if reference.In(value) {
			return value, nil
		}
		value, err := reference.Expand(value, nil) // it has none
		if err != nil {
			return "", err
		}
		_, known := x.ids[to][value]
		if !known && len(x.names[to][value]) == 0 && !literal(to, value) {
			all = append(all, fmt.Sprintf("The %s %s was not found: replace it by an existing one.", to.Label(), value))
		}
		return value, nil
	})
	return all
}

// withoutNull removes null members, and empty strings and lists of the top level.
func withoutNull(o map[string]any) {
	DropNull(o)
	for name, v := range o {
		switch v := v.(type) {
		case string:
			if v == "" {
				delete(o, name)
			}
		case []any:
			if len(v) == 0 {
				delete(o, name)
			}
		}
	}
}

// DropNull removes null members at any depth.
func DropNull(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, one := range v {
			if one == nil {
				delete(v, name)
				continue
			}
			DropNull(one)
		}
	case []any:
		for _, one := range v {
			DropNull(one)
		}
	}
}
