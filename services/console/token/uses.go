package token

import (
	"slices"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// use is a resource that names a service token.
type use struct{ Kind, Name, Path string }

// findUses lists what names the token: integrations by its Client ID, applications, policies and groups in rules.
func (d *detail) findUses(r *frame.Request) error {
	ctx := r.Context()
	integrations, err := readable(ctx, r.API.Integrations, &d.Partial)
	if err != nil {
		return err
	}
	for _, i := range integrations {
		if i.Value.Config.ClientID == d.ClientID {
			d.add("Integration", i.Value.Name, "/integrations/"+i.Value.ID)
		}
	}
	apps, err := readable(ctx, r.API.Applications, &d.Partial)
	if err != nil {
		return err
	}
	for _, a := range apps {
		for _, p := range a.Value.Policies {
			if d.named(p.Include, p.Require, p.Exclude) {
				d.add("Application", a.Value.Name+", policy "+p.Name, "/applications/"+a.Value.ID)
			}
		}
	}
	policies, err := readable(ctx, r.API.Policies, &d.Partial)
	if err != nil {
		return err
	}
	for _, p := range policies {
		if d.named(p.Value.Include, p.Value.Require, p.Value.Exclude) {
			d.add("Reusable policy", p.Value.Name, "")
		}
	}
	groups, err := readable(ctx, r.API.Groups, &d.Partial)
	if err != nil {
		return err
	}
	for _, g := range groups {
		if d.named(g.Value.Include, g.Value.Require, g.Value.Exclude) {
			d.add("Group", g.Value.Name, "")
		}
	}
	return nil
}

func (d *detail) add(kind, name, path string) {
	if u := (use{kind, name, path}); !slices.Contains(d.Uses, u) {
		d.Uses = append(d.Uses, u)
	}
}

// named reports whether a rule names the token, or every service token.
func (d *detail) named(lists ...[]client.Rule) bool {
	return slices.ContainsFunc(slices.Concat(lists...), func(rule client.Rule) bool {
		if _, every := rule["any_valid_service_token"]; every {
			return true
		}
		of, _ := rule["service_token"].(map[string]any)
		id, _ := of["token_id"].(string)
		return id == d.ID
	})
}
