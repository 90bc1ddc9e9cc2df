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
)

// Export describes what an account has by documents, in the order in which they would be made. Names that
// several resources of a kind have are made different. No answer has secrets: in their place stand references
// to variables, and a comment says what has to be in these.
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

// distinct are the resources with names of their own, by name.
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

// answered are members of answers that nobody sends.
var answered = map[client.Kind][]string{
	client.KindApplication:      {"self_hosted_domains"},
	client.KindPolicy:           {"precedence"},
	client.KindOrganization:     {"name"},
	client.KindIdentityProvider: {"scim_config"},
}

func describe(k client.Kind, o client.Object, x *index, vars map[string]bool) document.Document {
	d := document.Document{Kind: string(k), Name: o.ResourceName(), Spec: canonical(k, o, x)}
	for _, name := range append(answered[k], "name") {
		delete(d.Spec, name)
	}
	withoutNull(d.Spec)
	if config, ok := d.Spec["config"].(map[string]any); ok {
		delete(config, "redirect_url") // ours to say
		withoutNull(config)
	}
	policies, _ := d.Spec["policies"].([]any)
	for _, p := range policies {
		if own, ok := p.(map[string]any); ok {
			withoutNull(own)
		}
	}
	if k == client.KindOrganization {
		d.Name = ""
	}
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

// credentials are those that an integration of a type has to be given (api/README.md 5.2). Cloudflare does not tell
// the Client ID either, api/README.md 5.3.
func credentials(kind string, config map[string]any) []placeholder {
	var (
		id     = placeholder{[]string{"config", "access_client_id"}, "the Client ID that the scoring API is called with, or the name of its service token."}
		access = placeholder{[]string{"config", "access_client_secret"}, "the Client Secret that the scoring API is called with."}
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

// placeholders are what no answer tells and a resource has to be given.
func placeholders(k client.Kind, spec map[string]any) []placeholder {
	config, _ := spec["config"].(map[string]any)
	text := func(name string) string { s, _ := spec[name].(string); return s }
	switch {
	case k == client.KindServiceToken && spec["x_client_id"] != nil:
		return []placeholder{{[]string{"x_client_secret"}, "the Client Secret that goes with the Client ID below, for it to work here too; without both lines, a new one is made."}}
	case k == client.KindIntegration:
		return credentials(text("type"), config)
	case k == client.KindIdentityProvider && config["client_id"] != nil:
		return []placeholder{{[]string{"config", "client_secret"}, "the secret of our client there."}}
	}
	return nil
}

// variable is the name of a variable for a member of a resource.
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

// unresolved tells of references to what was not found.
func unresolved(k client.Kind, spec map[string]any, x *index) []string {
	var all []string
	_ = Refs(k, cloned(spec), func(to client.Kind, value string) (string, error) {
		_, known := x.ids[to][value]
		if !known && len(x.names[to][value]) == 0 && !literal(to, value) && !reference.MatchString(value) {
			all = append(all, fmt.Sprintf("The %s %s was not found: put the name of one here.", label[to], value))
		}
		return value, nil
	})
	return all
}

// withoutNull takes out what says nothing: null, and what is empty at the top. A rule may be empty.
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

// DropNull takes out every member that is null.
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
