package device

import (
	"net/http"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// Describe adds the routes of the inventory to a description.
func (*API) Describe(d *openapi.Description) { d.Add(operations(), nil) }

// operations describes the routes of the inventory.
func operations() openapi.Operations {
	include := openapi.Parameter{Name: "include", Description: "last_seen_registration.policy: include it.",
		Schema: openapi.Text()}
	named := openapi.Parameter{Name: "id", Description: "Id of a registration.", Schema: openapi.UUID(), Repeated: true}
	gone := openapi.Operation{Result: nil}
	with := func(summary string) openapi.Operation { o := gone; o.Summary = summary; return o }
	registrations := func(summary string) openapi.Operation {
		return openapi.Operation{Summary: summary, Query: []openapi.Parameter{named}, Info: openapi.Of[v4.CursorInfo]()}
	}
	devices := func(summary string) openapi.Operation {
		return openapi.Operation{Summary: summary,
			Body: openapi.Schema{"type": "array", "items": openapi.UUID(), "minItems": 1, "maxItems": maxDevices}}
	}
	return openapi.Operations{
		"POST /plumbline/devices": {
			Summary: "Enrol or update a list of devices of any length", Result: openapi.Of[Imported](),
			Statuses: []int{http.StatusUnsupportedMediaType},
			Details: "A row replaces everything known about its device. The list is processed while it is received, at the " +
				"speed of the registry.",
			OtherBodies: map[string]openapi.Schema{
				"text/csv": openapi.Text().Describe("A header row with device_id, email, serial_number, mac_address, " +
					"virtual_ipv4 and hostname, " +
					"in any order, and a row for each device."),
				"application/x-ndjson": openapi.Text().Describe("One object per line, with the same names, for each device."),
				"application/json":     openapi.List(openapi.Schema{}).Describe("An array of such objects."),
			},
		},
		"GET /plumbline/devices/{id}":    {Summary: "Get an enrolled device", Result: openapi.Of[EnrolledDevice]()},
		"DELETE /plumbline/devices/{id}": {Summary: "Remove a device", Result: openapi.Of[v4.IDOnly]()},
		"GET /devices/physical-devices": {
			Summary: "List devices", Result: openapi.List(openapi.Of[physicalView]()), Info: openapi.Of[v4.CursorInfo](),
			Query: openapi.Parameters(deviceParameters(v4.SortedKeys(physicalSorts)), []openapi.Parameter{include,
				{Name: "active_registrations",
					Description: "Filter by revocation: only (the default) returns active devices, include all devices, exclude " +
						"revoked devices.", Schema: openapi.Enum("only", "include", "exclude")},
				{Name: "last_seen_user.email", Description: "Filter by the user's e-mail address.", Schema: openapi.Text()},
			}),
		},
		"GET /devices/physical-devices/{id}": {Summary: "Get a device", Result: openapi.Of[physicalView](),
			Query: []openapi.Parameter{include}},
		"DELETE /devices/physical-devices/{id}":      with("Remove a device from the inventory"),
		"POST /devices/physical-devices/{id}/revoke": with("Revoke a device"),
		"GET /devices/registrations": {
			Summary: "List registrations; each device has one, with the same id",
			Result:  openapi.List(openapi.Of[registrationView]()), Info: openapi.Of[v4.CursorInfo](),
			Query: openapi.Parameters(deviceParameters(v4.SortedKeys(registrationSorts)), []openapi.Parameter{
				{Name: "include", Description: "policy: always null.", Schema: openapi.Text()},
				{Name: "status", Description: "Filter by status: active (the default), revoked, or all.",
					Schema: openapi.Enum("active", "all", "revoked")},
				{Name: "device.id", Description: "Filter by device.", Schema: openapi.UUID(), Repeated: true},
				{Name: "user.id", Description: "Filter by the person that the device is enrolled for.", Schema: openapi.UUID(),
					Repeated: true},
			}),
		},
		"GET /devices/registrations/{id}": {Summary: "Get a registration", Result: openapi.Of[registrationView](),
			Query: []openapi.Parameter{{Name: "include", Description: "policy: always null.", Schema: openapi.Text()}}},
		"DELETE /devices/registrations":        registrations("Remove the devices of registrations"),
		"DELETE /devices/registrations/{id}":   with("Remove the device of a registration"),
		"POST /devices/registrations/revoke":   registrations("Revoke registrations"),
		"POST /devices/registrations/unrevoke": registrations("End the revocation of registrations"),
		"GET /devices": {Summary: "List all devices without paging (deprecated)",
			Result: openapi.List(openapi.Of[legacyDeviceView]()), Info: openapi.Of[v4.PageInfo]()},
		"GET /devices/{id}": {Summary: "Get a device (deprecated)",
			Result: openapi.Of[legacyDeviceView]().Merge(openapi.Closed(openapi.Members{
				"account": openapi.Closed(openapi.Members{"id": openapi.Of[proto.Account]()}),
			}))},
		"POST /devices/revoke":   devices("Revoke devices (deprecated)"),
		"POST /devices/unrevoke": devices("End the revocation of devices (deprecated)"),
	}
}

func deviceParameters(sorts []string) []openapi.Parameter {
	return []openapi.Parameter{
		{Name: "id", Description: "Filter by id.", Schema: openapi.UUID(), Repeated: true},
		openapi.SearchParam,
		{Name: "seen_after", Description: "Accepted, but matches no device: last-seen times are unknown.",
			Schema: openapi.Time()},
		{Name: "seen_before", Description: "Accepted, but matches no device: last-seen times are unknown.",
			Schema: openapi.Time()},
		{Name: "sort_by", Description: "Sort key. Defaults to the storage order.", Schema: openapi.Enum(sorts...)},
		{Name: "sort_order", Description: "Sort order.", Schema: openapi.Enum("asc", "desc")},
		{Name: "per_page", Description: "Page size. Larger values are reduced to the maximum.",
			Schema: openapi.Schema{"type": "integer", "minimum": 1, "default": devicesPerPage}},
		{Name: "cursor", Description: "result_info.cursor of the previous page.", Schema: openapi.Text()},
	}
}
