package zone

import (
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

func accountOperations() openapi.Operations {
	return openapi.Operations{
		"GET /client/v4/accounts": {Summary: "List the account of the token",
			Query:  openapi.Parameters([]openapi.Parameter{openapi.NameParam}, openapi.PageParams),
			Result: openapi.List(openapi.Of[accountView]()), Info: openapi.Of[v4.PageInfo]()},
		"GET ": {Summary: "Get the account", Result: openapi.Of[accountView]()},
	}
}

func zoneOperations() openapi.Operations {
	body := openapi.Object(openapi.Members{"name": openapi.Text(), "account": openapi.Object(nil),
		"x_host_suffixes": openapi.List(openapi.Text()).Describe("Host suffixes of the zone's applications. Defaults to " +
			"the zone's name.")})
	return openapi.Operations{
		"GET /client/v4/zones": {Summary: "List the zones available to the token",
			Query:  openapi.Parameters([]openapi.Parameter{openapi.NameParam}, openapi.PageParams),
			Result: openapi.List(openapi.Of[zoneView]()), Info: openapi.Of[v4.PageInfo]()},
		"POST /client/v4/zones":            {Summary: "Create a zone", Body: body, Result: openapi.Of[zoneView]()},
		"GET /client/v4/zones/{zone_id}":   {Summary: "Get a zone", Result: openapi.Of[zoneView]()},
		"PUT /client/v4/zones/{zone_id}":   {Summary: "Create or replace a zone", Body: body, Result: openapi.Of[zoneView]()},
		"PATCH /client/v4/zones/{zone_id}": {Summary: "Change a zone", Body: body, Result: openapi.Of[zoneView]()},
		"DELETE /client/v4/zones/{zone_id}": {Summary: "Delete a zone without applications",
			Result: openapi.Closed(openapi.Members{"id": openapi.Text()})},
	}
}
