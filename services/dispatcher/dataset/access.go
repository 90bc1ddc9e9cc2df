package dataset

import "plumbline.dev/proto"

// nonIdentity is the connection of a request without an identity provider.
const nonIdentity = "nonidentity"

// accessFields are the fields of [AccessRequests].
var accessFields = []Field{
	{Name: "Action", Type: "string", Sourced: true, value: action},
	{Name: "Allowed", Type: "bool", Sourced: true, value: func(r *row) any { return r.access.Allowed }},
	{Name: "AppDomain", Type: "string", Sourced: true, value: func(r *row) any { return known(r.access.Host) }},
	{Name: "AppUUID", Type: "string", Sourced: true, value: func(r *row) any { return r.access.Application }},
	{Name: "Connection", Type: "string", Sourced: true, value: connection},
	{Name: "Country", Type: "string", Sourced: true, value: func(r *row) any { return known(r.access.Country) }},
	{Name: "CreatedAt", Type: "int or string", Sourced: true, value: func(r *row) any { return r.time(r.at) }},
	{Name: "Email", Type: "string", Sourced: true, value: func(r *row) any { return known(r.access.Email) }},
	{Name: "IPAddress", Type: "string", Sourced: true, value: func(r *row) any { return known(r.access.IP) }},
	{Name: "PurposeJustificationPrompt", Type: "string"},
	{Name: "PurposeJustificationResponse", Type: "string"},
	{Name: "RayID", Type: "string", Sourced: true, value: func(r *row) any { return known(r.access.Ray) }},
	{Name: "TemporaryAccessApprovers", Type: "array[string]"},
	{Name: "TemporaryAccessDuration", Type: "int"},
	{Name: "UserUID", Type: "string", Sourced: true, value: user},
}

// action returns login for a service's use of its credentials, as the log of the API does.
func action(r *row) any {
	if r.access.Action == proto.ActionService || r.access.Action == "" {
		return proto.ActionLogin
	}
	return r.access.Action
}

func connection(r *row) any {
	if r.access.IDP.IsZero() {
		return nonIdentity
	}
	return proto.TypeOIDC
}

func user(r *row) any {
	if r.access.User.IsZero() {
		return nil
	}
	return r.access.User
}
