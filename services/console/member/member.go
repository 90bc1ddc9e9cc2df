package member

import (
	"embed"
	"net/http"
	"slices"
	"strings"

	"plumbline.dev/services/console/copyas"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

//go:embed *.html
var files embed.FS

var set = frame.Parse(files)

const root = "/members"

// Register adds the screens of members.
func Register(f *frame.Frame) {
	f.Get(root, list)
	f.Post(root, add)
	f.Get(root+"/{id}", show)
	f.Post(root+"/{id}", save)
	f.Post(root+"/{id}/remove", remove)
	f.Post(root+"/{id}/sessions/end", endSessions)
}

// view is the data of the list, and of the screen of one member.
type view struct {
	Members []client.Member
	Member  client.Member
	Self    bool // the member is the person
	Last    bool // the member is the only administrator
	Roles   []client.Role
	Form    *frame.Form
	Copies  []copyas.Text
}

// Chosen reports whether a role is ticked in the form.
func (v *view) Chosen(role string) bool { return slices.Contains(v.Form.Values["role"], role) }

// readRoles reads the roles that members can have.
func (v *view) readRoles(r *frame.Request) error {
	all, err := r.API.Roles(r.Context())
	for _, role := range all {
		v.Roles = append(v.Roles, role.Value)
	}
	return err
}

func (v *view) readMembers(r *frame.Request) error {
	all, err := r.API.Members().List(r.Context())
	for _, m := range all {
		v.Members = append(v.Members, m.Value)
	}
	return err
}

func list(r *frame.Request) error { return listPage(r, frame.NewForm(), 0) }

func listPage(r *frame.Request, f *frame.Form, status int) error {
	v := &view{Form: f}
	if err := v.readMembers(r); err != nil {
		return err
	}
	if err := v.readRoles(r); err != nil {
		return err
	}
	return r.Page(frame.Page{Title: "Members", Nav: root, Set: set, Name: "members", Data: v, Status: status})
}

// rolesIn returns the ticked roles, and notes if there is none.
func rolesIn(f *frame.Form) []string {
	ids := slices.DeleteFunc(slices.Clone(f.Values["role"]), func(id string) bool { return id == "" })
	if len(ids) == 0 {
		f.Fail("role", "Choose at least one role.")
	}
	return ids
}

func add(r *frame.Request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	body := map[string]any{"email": f.Value("email"), "roles": rolesIn(f)}
	if f.Value("email") == "" {
		f.Fail("email", "Enter an e-mail address.")
	}
	if !f.OK() {
		return listPage(r, f, http.StatusUnprocessableEntity)
	}
	_, err = r.API.Members().Create(r.Context(), body)
	if f.Refused(err) {
		return listPage(r, f, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return r.Redirect(root, f.Value("email")+" is a member now. They come in through the gateway.")
}

func show(r *frame.Request) error {
	item, err := r.API.Members().Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	f := frame.NewForm("status", item.Value.Status, "revision", item.Revision)
	for _, role := range item.Value.Roles {
		f.Values.Add("role", role.ID)
	}
	return page(r, item.Value, f, 0)
}

func page(r *frame.Request, m client.Member, f *frame.Form, status int) error {
	v := &view{Member: m, Form: f}
	if err := v.readRoles(r); err != nil {
		return err
	}
	if err := v.readMembers(r); err != nil {
		return err
	}
	v.Self = strings.EqualFold(m.Email, r.Person.Name)
	v.Last = v.lastAdministrator()
	ids := make([]string, len(m.Roles))
	words := []string{"members", "add", m.Email}
	for n, role := range m.Roles {
		ids[n] = role.ID
		words = append(words, "--role", role.Name)
	}
	terraform := "roles      = ["
	for n, id := range ids {
		if n > 0 {
			terraform += ", "
		}
		terraform += copyas.HCL(id)
	}
	v.Copies = []copyas.Text{
		copyas.Curl(r.Person.Account, "POST", "/members", map[string]any{"email": m.Email, "roles": ids}),
		copyas.Plumb(words...),
		copyas.Terraform("cloudflare_account_member", "email      = "+copyas.HCL(m.Email), terraform+"]"),
	}
	return r.Page(frame.Page{Title: m.Email, Nav: root, Set: set, Name: "member", Data: v, Status: status,
		Crumbs: []frame.Crumb{{Text: "Members", Path: root}}})
}

// lastAdministrator reports whether the member is the only one who may manage members.
func (v *view) lastAdministrator() bool {
	manages := func(m client.Member) bool {
		return m.Status == "accepted" &&
			slices.ContainsFunc(m.Roles, func(r client.Role) bool { return r.Permissions["members"].Edit })
	}
	return manages(v.Member) && !slices.ContainsFunc(v.Members, func(m client.Member) bool {
		return m.ID != v.Member.ID && manages(m)
	})
}

// save changes the member of the revision that the form was made from.
func save(r *frame.Request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	item, err := r.API.Members().Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	body := map[string]any{"roles": rolesIn(f), "status": f.Value("status")}
	if f.OK() {
		_, err = r.API.Members().Replace(r.Context(), item.Value.ID, f.Value("revision"), body)
		if err == nil {
			return r.Redirect(root, "Saved. It applies to the next request of "+item.Value.Email+".")
		}
		if !f.Refused(err) {
			return err
		}
	}
	return page(r, item.Value, f, http.StatusUnprocessableEntity)
}

func remove(r *frame.Request) error {
	if err := r.API.Members().Delete(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	return r.Redirect(root, "The member was removed, and is denied from now on.")
}

// endSessions ends every session of a member, at every application.
func endSessions(r *frame.Request) error {
	item, err := r.API.Members().Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := r.API.RevokeUser(r.Context(), item.Value.Email, false); err != nil {
		return err
	}
	return r.Redirect(root, "Every session of "+item.Value.Email+" has ended. They must log in again.")
}
