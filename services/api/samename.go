package api

import (
	"iter"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// codeSameName is of a message, not of an error.
const codeSameName = 12140

// sameName returns a message where another resource of the kind has the name: nobody can tell the two apart in a list,
// on the page that offers identity providers, or on the command line, where a name stands for the id.
func sameName(kind, name string, id proto.ID, others iter.Seq2[proto.ID, string]) []notice {
	for other, theirs := range others {
		if other != id && name != "" && theirs == name {
			return []notice{{codeSameName, "there is another " + kind + " with the name " + quoted(name) + ": " + other.String()}}
		}
	}
	return nil
}

// records are the ids and names of records.
func records[T any](all []catalog.Record[T], of func(*T) (proto.ID, string)) iter.Seq2[proto.ID, string] {
	return func(yield func(proto.ID, string) bool) {
		for _, r := range all {
			if !yield(of(r.Value)) {
				return
			}
		}
	}
}

// shelved are the ids and names of what is on a shelf.
func shelved[T any](all []*item[T], name func(T) string) iter.Seq2[proto.ID, string] {
	return func(yield func(proto.ID, string) bool) {
		for _, i := range all {
			if !yield(i.id, name(i.of)) {
				return
			}
		}
	}
}

// inSight is the name of a resource, or nothing if the request is for a zone that the resource is not in.
func (c *call) inSight(zone proto.Account, name string) string {
	if !c.sees(zone) {
		return ""
	}
	return name
}

func (s *Service) sameProviderName(c *call, p *proto.IdentityProvider) []notice {
	return sameName("identity provider", p.Name, p.ID, shelved(s.index.account(c.account).idps.all(),
		func(o catalog.Record[proto.IdentityProvider]) string { return c.inSight(o.Value.Zone, o.Value.Name) }))
}

func (s *Service) sameApplicationName(c *call, app *proto.Application) []notice {
	return sameName("application", app.Name, app.ID, shelved(s.index.account(c.account).apps.all(),
		func(o catalog.Record[proto.Application]) string { return c.inSight(o.Value.Zone, o.Value.Name) }))
}

func (s *Service) sameGroupName(c *call, g *proto.Group) []notice {
	return sameName("group", g.Name, g.ID, shelved(s.index.account(c.account).groups.all(),
		func(o catalog.Record[proto.Group]) string { return c.inSight(o.Value.Zone, o.Value.Name) }))
}

func (s *Service) samePolicyName(c *call, p *proto.Policy) []notice {
	return sameName("reusable policy", p.Name, p.ID, shelved(s.index.account(c.account).reusable.all(),
		func(o catalog.Record[proto.Policy]) string { return o.Value.Name }))
}

func (s *Service) sameServiceTokenName(c *call, t *proto.ServiceToken) []notice {
	return sameName("service token", t.Name, t.ID, shelved(s.tokens.list(c.account),
		func(o serviceToken) string { return c.inSight(o.Value.Zone, o.Value.Name) }))
}

func (s *Service) sameAPITokenName(c *call, t *proto.APIToken) []notice {
	return sameName("API token", t.Name, t.ID, func(yield func(proto.ID, string) bool) {
		for _, o := range s.tokens.listAPI(c.account) {
			if !yield(o.Value.ID, o.Value.Name) {
				return
			}
		}
	})
}

func (s *Service) sameIntegrationName(c *call, i *proto.Integration) []notice {
	return sameName("integration", i.Name, i.ID, records(s.catalog.IntegrationsOf(c.account),
		func(o *proto.Integration) (proto.ID, string) { return o.ID, o.Name }))
}

func (s *Service) sameRuleName(c *call, check *proto.Check) []notice {
	return sameName("posture rule", check.Name, check.ID, records(s.catalog.ChecksOf(c.account),
		func(o *proto.Check) (proto.ID, string) { return o.ID, o.Name }))
}
