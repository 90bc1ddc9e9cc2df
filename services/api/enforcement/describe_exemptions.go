package enforcement

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

var exemptionDoc = openapi.Resource{
	One: "an exemption", Many: "active exemptions, the oldest first", View: openapi.Of[device.ExemptionView](),
	Body: openapi.Object(openapi.Members{
		"device_id": openapi.UUID(),
		"rule_id":   openapi.UUID().OrNull().Describe("The check; absent or null: every check."),
		"until":     openapi.Time().Describe("When the exemption ends at the latest: at most a year from now."),
		"reason":    reasonSchema(),
	}, "device_id", "until", "reason"),
	Deleted: openapi.Of[v4.IDOnly](),
	Query: []openapi.Parameter{
		{Name: "device_id", Description: "Filter by device.", Schema: openapi.UUID()},
		{Name: "rule_id", Description: "Filter by a check that the exemptions cover.", Schema: openapi.UUID()},
	},
	BodyDetails: "The device passes the check, or every check, with the reason exempt, until the exemption ends: at its " +
		"time, as soon as the device passes by itself, with the device's removal or the check's, or by a DELETE. An ended " +
		"exemption never comes back. To prolong an exemption, delete it and create another one.",
}

// reasonSchema is the schema of a reason that a person gives.
func reasonSchema() openapi.Schema {
	return openapi.Schema{"type": "string", "minLength": 1, "maxLength": proto.MaxNote}
}
