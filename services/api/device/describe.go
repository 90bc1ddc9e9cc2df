package device

import (
	"net/http"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// Describe adds the routes of the inventory to a description.
func Describe(d *openapi.Description) { d.Add(operations(), nil) }

// operations describes the routes of the inventory.
func operations() openapi.Operations {
	include := openapi.Parameter{Name: "include", Description: "last_seen_registration.policy: show it, too", Schema: openapi.Text()}
	named := openapi.Parameter{Name: "id", Description: "a registration", Schema: openapi.UUID(), Repeated: true}
	gone := openapi.Operation{Result: nil}
	with := func(summary string) openapi.Operation { o := gone; o.Summary = summary; return o }
	registrations := func(summary string) openapi.Operation {
		return openapi.Operation{Summary: summary, Query: []openapi.Parameter{named}, Info: openapi.Of[v4.CursorInfo]()}
	}
	devices := func(summary string) openapi.Operation {
		return openapi.Operation{Summary: summary, Body: openapi.Schema{"type": "array", "items": openapi.UUID(), "minItems": 1, "maxItems": maxDevices}}
	}
	return openapi.Operations{
		"POST /plumbline/devices": {
			Summary: "Enrol or update devices: a list of any length", Result: openapi.Of[Imported](), Statuses: []int{http.StatusUnsupportedMediaType},
			Details: "A row replaces all that is known of its device. The list is taken in while it is received, as fast as the registry takes it.",
			OtherBodies: map[string]openapi.Schema{
				"text/csv": openapi.Text().Describe("a header row with device_id, email, serial_number, mac_address, virtual_ipv4 and hostname, " +
					"in any order, and a row for each device"),
				"application/x-ndjson": openapi.Text().Describe("an object with the same names for each device, one a line"),
				"application/json":     openapi.List(openapi.Schema{}).Describe("an array of such objects"),
			},
		},
		"GET /plumbline/devices/{id}":    {Summary: "Get a device as it is enrolled", Result: openapi.Of[deviceView]()},
		"DELETE /plumbline/devices/{id}": {Summary: "Remove a device", Result: openapi.Of[v4.IDOnly]()},
		"GET /devices/physical-devices": {
			Summary: "List devices", Result: openapi.List(openapi.Of[physicalView]()), Info: openapi.Of[v4.CursorInfo](),
			Query: openapi.Parameters(deviceParameters(v4.SortedKeys(physicalSorts)), []openapi.Parameter{include,
				{Name: "active_registrations", Description: "only (the default): of devices that are not revoked; include: all; exclude: revoked ones", Schema: openapi.Enum("only", "include", "exclude")},
				{Name: "last_seen_user.email", Description: "enrolled for this address", Schema: openapi.Text()},
			}),
		},
		"GET /devices/physical-devices/{id}":         {Summary: "Get a device", Result: openapi.Of[physicalView](), Query: []openapi.Parameter{include}},
		"DELETE /devices/physical-devices/{id}":      with("Remove a device from the inventory"),
		"POST /devices/physical-devices/{id}/revoke": with("Revoke a device"),
		"GET /devices/registrations": {
			Summary: "List registrations: each device has one, of the same id", Result: openapi.List(openapi.Of[registrationView]()), Info: openapi.Of[v4.CursorInfo](),
			Query: openapi.Parameters(deviceParameters(v4.SortedKeys(registrationSorts)), []openapi.Parameter{
				{Name: "include", Description: "policy: there is none", Schema: openapi.Text()},
				{Name: "status", Description: "active (the default), revoked, or all", Schema: openapi.Enum("active", "all", "revoked")},
				{Name: "device.id", Description: "of this device", Schema: openapi.UUID(), Repeated: true},
				{Name: "user.id", Description: "of devices enrolled for this person", Schema: openapi.UUID(), Repeated: true},
			}),
		},
		"GET /devices/registrations/{id}":      {Summary: "Get a registration", Result: openapi.Of[registrationView](), Query: []openapi.Parameter{{Name: "include", Description: "policy: there is none", Schema: openapi.Text()}}},
		"DELETE /devices/registrations":        registrations("Remove the devices of registrations"),
		"DELETE /devices/registrations/{id}":   with("Remove the device of a registration"),
		"POST /devices/registrations/revoke":   registrations("Revoke registrations"),
		"POST /devices/registrations/unrevoke": registrations("End the revocation of registrations"),
		"GET /devices":                         {Summary: "List all devices in one piece (deprecated)", Result: openapi.List(openapi.Of[legacyDeviceView]()), Info: openapi.Of[v4.PageInfo]()},
		"GET /devices/{id}": {Summary: "Get a device (deprecated)", Result: openapi.Of[legacyDeviceView]().Merge(openapi.Closed(openapi.Members{
			"account": openapi.Closed(openapi.Members{"id": openapi.Of[proto.Account]()}),
		}))},
		"POST /devices/revoke":   devices("Revoke devices (deprecated)"),
		"POST /devices/unrevoke": devices("End the revocation of devices (deprecated)"),
	}
}

func deviceParameters(sorts []string) []openapi.Parameter {
	return []openapi.Parameter{
		{Name: "id", Description: "with this id", Schema: openapi.UUID(), Repeated: true},
		openapi.SearchParam,
		{Name: "seen_after", Description: "last seen after this time: nobody tells us, so none", Schema: openapi.Time()},
		{Name: "seen_before", Description: "last seen before this time: nobody tells us, so none", Schema: openapi.Time()},
		{Name: "sort_by", Description: "the order; by default the one in which they are kept", Schema: openapi.Enum(sorts...)},
		{Name: "sort_order", Description: "up or down", Schema: openapi.Enum("asc", "desc")},
		{Name: "per_page", Description: "how many on a page; more than the maximum are not given", Schema: openapi.Schema{"type": "integer", "minimum": 1, "default": devicesPerPage}},
		{Name: "cursor", Description: "result_info.cursor of the page before", Schema: openapi.Text()},
	}
}
