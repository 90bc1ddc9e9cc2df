package application

import (
	"net/http"
	"strings"

	"plumbline.dev/services/console/copyas"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/internal/ownedmember"
	"plumbline.dev/services/plumb/client"
)

// detail is the data of the screen of one application.
type detail struct {
	app
	Form     *frame.Form
	Policies []policyRow
	Check    *userCheck // nil before a check
	Problem  string
	Copies   []copyas.Text
}

// userCheck is the result of a check of one user.
type userCheck struct{ Email, Status, Reason, Problem string }

func show(r *frame.Request) error {
	item, err := r.API.Applications.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	d := &detail{app: app{item.Value}}
	d.Form = frame.NewForm("name", d.Name, "domains", strings.Join(d.Hosts(), "\n"), "x_origin_url", d.OriginURL,
		"session_duration", d.SessionDuration, "revision", item.Revision)
	if email := strings.TrimSpace(r.URL.Query().Get("email")); email != "" {
		d.Check = &userCheck{Email: email}
		checked, err := r.API.CheckUser(r.Context(), d.ID, email)
		switch {
		case err == nil:
			d.Check.Status, d.Check.Reason = checked.Value.App.Status, checked.Value.App.Reason
		case status(err) == http.StatusNotFound, conflict(err):
			d.Check.Problem = "Nobody with this address has logged in within the last month."
		default:
			return err
		}
	}
	return page(r, d, 0)
}

func page(r *frame.Request, d *detail, status int) error {
	names, err := readNames(r)
	if err != nil {
		return err
	}
	for _, p := range d.Application.Policies {
		at := root + "/" + d.ID + policiesRoot
		if p.Reusable {
			at = policiesRoot
		}
		d.Policies = append(d.Policies, newPolicyRow(p, at, names))
	}
	d.Copies = copiesOf(r, d.Name, d.Hosts(), d.OriginURL)
	return r.Page(frame.Page{Title: d.Name, Nav: root, Set: set, Name: "application", Data: d, Status: status,
		Crumbs: []frame.Crumb{appCrumb}})
}

func copiesOf(r *frame.Request, name string, hosts []string, origin string) []copyas.Text {
	destinations, words := []map[string]string{}, []string{"app", "create", "--name", name}
	yaml, terraform := []string{"type: self_hosted", "destinations:"},
		[]string{"name         = " + copyas.HCL(name), `type         = "self_hosted"`, "destinations = ["}
	for _, h := range hosts {
		destinations = append(destinations, map[string]string{"type": "public", "uri": h})
		words = append(words, "--domain", h)
		yaml = append(yaml, "  - type: public", "    uri: "+copyas.Quoted(h))
		terraform = append(terraform, `  { type = "public", uri = `+copyas.HCL(h)+" },")
	}
	terraform = append(terraform, "]")
	body := map[string]any{"name": name, "type": "self_hosted", "destinations": destinations}
	if origin != "" {
		body["x_origin_url"] = origin
		words = append(words, "--origin", origin)
		yaml = append(yaml, "x_origin_url: "+copyas.Quoted(origin))
	}
	return []copyas.Text{copyas.Curl(r.Person.Account, "POST", "/access/apps", body), copyas.Plumb(words...),
		copyas.YAML("application", name, yaml...),
		copyas.Terraform("cloudflare_zero_trust_access_application", terraform...)}
}

func blank(r *frame.Request) error { return newPage(r, frame.NewForm("session_duration", "24h"), 0) }

func newPage(r *frame.Request, f *frame.Form, status int) error {
	return r.Page(
		frame.Page{Title: "New application", Nav: root, Set: set, Name: "new-application", Data: &detail{Form: f},
			Status: status, Crumbs: []frame.Crumb{appCrumb}},
	)
}

// write sets the members of an application that the form has. An empty session duration is the API's default.
func write(f *frame.Form, body client.Object) {
	if f.Value("name") == "" {
		f.Fail("name", "Enter a name.")
	}
	body["name"] = f.Value("name")
	if !setHosts(body, strings.Fields(f.Value("domains"))) {
		f.Fail("domains", "Enter at least one host, such as wiki.example.com.")
	}
	for _, name := range []string{"x_origin_url", "session_duration"} {
		if body[name] = f.Value(name); body[name] == "" {
			delete(body, name)
		}
	}
}

func create(r *frame.Request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	body := client.Object{"type": "self_hosted"}
	write(f, body)
	if !f.OK() {
		return newPage(r, f, http.StatusUnprocessableEntity)
	}
	made, err := r.API.Applications.Create(r.Context(), body)
	if f.Refused(err) {
		return newPage(r, f, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return r.Redirect(root+"/"+made.Value.ID+"/policies/new", "Saved. Nobody gets in until the application has a policy.")
}

// save changes the application of the revision that the form was made from. It replaces the members that the form has,
// and keeps every other one and the policies.
func save(r *frame.Request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	all := r.API.Objects(client.KindApplication)
	item, err := all.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	body := item.Value
	ownedmember.StripFixed(body)
	delete(body, "policies")
	write(f, body)
	if f.OK() {
		_, err = all.Replace(r.Context(), r.PathValue("id"), f.Value("revision"), body)
		if err == nil {
			return r.Redirect(root+"/"+r.PathValue("id"), "Saved.")
		}
		if !f.Refused(err) {
			return err
		}
	}
	stored, err := r.API.Applications.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return page(r, &detail{app: app{stored.Value}, Form: f}, http.StatusUnprocessableEntity)
}

func confirm(r *frame.Request) error {
	item, err := r.API.Applications.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return confirmation(r, item.Value, "", 0)
}

func confirmation(r *frame.Request, a client.Application, problem string, status int) error {
	return r.Page(frame.Page{Title: "Delete", Nav: root, Set: set, Name: "delete", Status: status,
		Data: &detail{
			app:     app{a},
			Problem: problem,
		}, Crumbs: []frame.Crumb{appCrumb, {Text: a.Name, Path: root + "/" + a.ID}}})
}

func remove(r *frame.Request) error {
	id := r.PathValue("id")
	err := r.API.Applications.Delete(r.Context(), id)
	if conflict(err) {
		item, getErr := r.API.Applications.Get(r.Context(), id)
		if getErr != nil {
			return getErr
		}
		return confirmation(r, item.Value, err.Error(), http.StatusConflict)
	}
	if err != nil {
		return err
	}
	return r.Redirect(root, "The application was deleted. Its hosts belong to no application now.")
}

func revoke(r *frame.Request) error {
	if err := r.API.RevokeTokens(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	return r.Redirect(root+"/"+r.PathValue("id"), "Every application token issued so far is void. People log in again.")
}
