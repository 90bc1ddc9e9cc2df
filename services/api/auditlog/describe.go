package auditlog

import (
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// operations describes the routes of the audit log.
func operations() openapi.Operations {
	return openapi.Operations{
		"GET /audit_logs": {
			Summary: "List changes, the newest first", Result: openapi.List(openapi.Of[entry]()), Info: openapi.Of[auditInfo](), Query: auditParameters(),
			Details: "How many there are is told where nothing is asked for but a page.",
		},
		"GET /logs/audit": {
			Summary: "List changes, in the shape of the newer audit log", Result: openapi.List(openapi.Of[record]()), Info: openapi.Of[auditCursors](), Query: newAuditParameters(),
			Details: "What Cloudflare filters by and is not known here is refused: a filter that were ignored would lie.",
		},
	}
}

func auditParameters() []openapi.Parameter {
	return openapi.Parameters([]openapi.Parameter{
		{Name: "id", Description: "this change, with values of any length", Schema: openapi.Text()},
		{Name: "action.type", Description: "with this action: create, update, delete, ...", Schema: openapi.Text()},
		{Name: "actor.email", Description: "by the API key of this address", Schema: openapi.Text()},
		{Name: "actor.ip", Description: "from this address, or a CIDR range", Schema: openapi.Text()},
		{Name: "x_type", Description: "of this kind of resource", Schema: openapi.Text()},
		{Name: "x_resource", Description: "of the resource with this id", Schema: openapi.Text()},
		{Name: "since", Description: "at this time or later", Schema: openapi.Text()},
		{Name: "before", Description: "before this time", Schema: openapi.Text()},
		{Name: "direction", Description: "by time", Schema: openapi.Enum("asc", "desc")},
		{Name: "hide_user_logs", Description: "taken, and makes no difference", Schema: openapi.Bool()},
		{Name: "zone.name", Description: "not supported: anything else than false is refused", Schema: openapi.Text()},
		{Name: "export", Description: "not supported: anything else than false is refused", Schema: openapi.Text()},
	}, openapi.PageParams)
}

func newAuditParameters() []openapi.Parameter {
	all := []openapi.Parameter{
		{Name: "since", Description: "at this time or later", Schema: openapi.Text()},
		{Name: "before", Description: "before this time", Schema: openapi.Text()},
		{Name: "direction", Description: "by time", Schema: openapi.Enum("asc", "desc")},
		{Name: "limit", Description: "how many; more than the maximum are not given", Schema: openapi.Schema{"type": "integer", "minimum": 1, "default": PerPage}},
		{Name: "cursor", Description: "result_info.cursors.after of the part before", Schema: openapi.Text()},
	}
	for _, name := range v4.SortedKeys(auditMembers) {
		all = append(all, openapi.Parameter{Name: name, Description: "with one of these", Schema: openapi.Text(), Repeated: true},
			openapi.Parameter{Name: name + ".not", Description: "with none of these", Schema: openapi.Text(), Repeated: true})
	}
	for _, name := range noAuditMembers {
		all = append(all, openapi.Parameter{Name: name, Description: "not supported: refused", Schema: openapi.Text()})
	}
	return all
}

// Describe adds the routes of the audit log to a description.
func Describe(d *openapi.Description) { d.Add(operations(), nil) }
