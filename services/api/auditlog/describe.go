package auditlog

import (
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// operations describes the routes of the audit log.
func operations() openapi.Operations {
	return openapi.Operations{
		"GET /audit_logs": {
			Summary: "List changes, the newest first", Result: openapi.List(openapi.Of[entry]()), Info: openapi.Of[auditInfo](),
			Query:   auditParameters(),
			Details: "The totals are only returned for queries without filters.",
		},
		"GET /logs/audit": {
			Summary: "List changes, in the shape of the newer audit log", Result: openapi.List(openapi.Of[record]()),
			Info: openapi.Of[auditCursors](), Query: newAuditParameters(),
			Details: "Cloudflare's filters that Plumbline does not support are rejected, since ignoring them would return " +
				"wrong results.",
		},
	}
}

func auditParameters() []openapi.Parameter {
	return openapi.Parameters([]openapi.Parameter{
		{Name: "id", Description: "Return one change, with values of any length.", Schema: openapi.Text()},
		{Name: "action.type", Description: "Filter by action: create, update, delete, ...", Schema: openapi.Text()},
		{Name: "actor.email", Description: "Filter by the e-mail address of the API key.", Schema: openapi.Text()},
		{Name: "actor.ip", Description: "Filter by IP address or CIDR range.", Schema: openapi.Text()},
		{Name: "x_type", Description: "Filter by kind of resource.", Schema: openapi.Text()},
		{Name: "x_resource", Description: "Filter by the id of the resource.", Schema: openapi.Text()},
		{Name: "since", Description: "Earliest time, inclusive.", Schema: openapi.Text()},
		{Name: "before", Description: "Latest time, exclusive.", Schema: openapi.Text()},
		{Name: "direction", Description: "Order by time.", Schema: openapi.Enum("asc", "desc")},
		{Name: "hide_user_logs", Description: "Accepted without effect.", Schema: openapi.Bool()},
		{Name: "zone.name", Description: "Not supported: any value except false is rejected.", Schema: openapi.Text()},
		{Name: "export", Description: "Not supported: any value except false is rejected.", Schema: openapi.Text()},
	}, openapi.PageParams)
}

func newAuditParameters() []openapi.Parameter {
	all := []openapi.Parameter{
		{Name: "since", Description: "Earliest time, inclusive.", Schema: openapi.Text()},
		{Name: "before", Description: "Latest time, exclusive.", Schema: openapi.Text()},
		{Name: "direction", Description: "Order by time.", Schema: openapi.Enum("asc", "desc")},
		{Name: "limit", Description: "Page size. Larger values are reduced to the maximum.",
			Schema: openapi.Schema{"type": "integer", "minimum": 1, "default": defaultPerPage}},
		{Name: "cursor", Description: "result_info.cursors.after of the previous page.", Schema: openapi.Text()},
	}
	for _, name := range v4.SortedKeys(auditMembers) {
		all = append(all, openapi.Parameter{Name: name, Description: "Filter by any of these values.", Schema: openapi.Text(),
			Repeated: true},
			openapi.Parameter{Name: name + ".not", Description: "Exclude these values.", Schema: openapi.Text(), Repeated: true})
	}
	for _, name := range noAuditMembers {
		all = append(all, openapi.Parameter{Name: name, Description: "Not supported: rejected.", Schema: openapi.Text()})
	}
	return all
}

// Describe adds the routes of the audit log to a description.
func (*API) Describe(d *openapi.Description) { d.Add(operations(), nil) }
