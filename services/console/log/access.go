package log

import (
	"net/url"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

var access = kind{
	Name: "access", Title: "Access log", log: client.LogAccess,
	About: "Decisions about requests: logins, requests of people, and service tokens. Equal ones within a second " +
		"are one " +
		"line. Requests that a Bypass policy admits are not recorded, as at Cloudflare.",
	Columns: []string{"Time", "Decision", "Who", "Application", "Reason", "From"},
	filters: []filter{
		{name: "allowed", label: "Decision", member: "allowed", choices: []frame.Choice{{Value: "", Text: "Any"},
			{Value: "true", Text: "Allowed"}, {Value: "false", Text: "Denied"}}},
		{name: "x_action", label: "Action", member: "x_action", choices: []frame.Choice{{Value: "", Text: "Any"},
			{Value: "request", Text: "Request"}, {Value: "login", Text: "Login"}, {Value: "logout", Text: "Logout"},
			{Value: "service", Text: "Service token"}}},
		{name: "email", flag: "--email", label: "E-mail", member: "user_email", partial: true},
		{name: "x_reason", label: "Reason", member: "x_reason", hint: "such as posture_failed"},
		{name: "app_uid", flag: "--app", label: "Application ID", member: "app_uid"},
		{name: "x_service_token_id", label: "Service token ID", member: "x_service_token_id"},
		{name: "x_device_id", label: "Device ID", member: "x_device_id"},
		{name: "x_check_id", label: "Check ID", member: "x_check_id"},
		{name: "ip_address", label: "Address", member: "ip_address"},
		{name: "ray_id", flag: "--ray", label: "Ray ID", member: "ray_id", hint: "from a deny page"},
	},
	command: []string{"log", "access"},
	row:     accessRow,
	exported: []string{"created_at", "allowed", "action", "x_action", "x_reason", "user_email", "x_client_id",
		"x_service_token_id", "app_domain", "app_uid", "connection", "ip_address", "x_country", "x_device_id", "x_check_id",
		"x_posture", "x_policy_id", "ray_id", "x_count"},
}

func accessRow(l line) row {
	decision := cell{Kind: "fail", Text: "Denied", Sub: l.text("x_action")}
	if l.text("allowed") == "true" {
		decision.Kind, decision.Text = "pass", "Allowed"
	}
	if n := l.text("x_count"); n != "" && n != "1" {
		decision.Sub += " · " + n + " times"
	}
	who := cell{Text: first(l.text("user_email"), l.text("x_client_id"), "nobody")}
	token, device := l.text("x_service_token_id"), l.text("x_device_id")
	if token != "" && l.text("user_email") == "" {
		who = cell{
			Text: "Service token " + shortID(token),
			Path: "/tokens/" + url.PathEscape(token),
			Sub:  shortID(l.text("x_client_id")),
		}
	}
	app, check := l.text("app_uid"), l.text("x_check_id")
	reason := cell{Text: l.text("x_reason"), Sub: l.text("x_posture")}
	if check != "" {
		reason.Path = "/checks/" + url.PathEscape(check)
	}
	r := row{At: l.timeAt("created_at"), JSON: pretty(l.Raw), Cells: []cell{decision, who,
		{Text: first(l.text("app_domain"), shortID(app)), Path: "/applications/" + url.PathEscape(app)}, reason,
		{Text: l.text("ip_address"), Sub: l.text("x_country")}}}
	r.add("Application", "/applications/", app)
	r.add("Device", "/devices/", device)
	r.add("Check", "/checks/", check)
	r.add("Service token", "/tokens/", token)
	for filter, words := range map[string]string{"app_uid": "Only this application", "x_device_id": "Only this device",
		"x_service_token_id": "Only this token", "x_reason": "Only this reason"} {
		if v := l.text(filter); v != "" {
			r.Links = append(r.Links, link{words, only("access", filter, v)})
		}
	}
	sortLinks(r.Links)
	return r
}

// add adds a link to a thing with an id, if there is one.
func (r *row) add(text, path, id string) {
	if id != "" {
		r.Links = append(r.Links, link{text, path + url.PathEscape(id)})
	}
}
