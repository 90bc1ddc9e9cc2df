package token

import (
	"net/http"
	"time"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// apiTokens is the data of the screen of API tokens.
type apiTokens struct {
	Tokens []client.APIToken
	Groups []frame.Choice
	Ends   []frame.Choice
	Form   *frame.Form
	Value  string // of a new token, shown once
	Of     string // name of the token with the value
}

// Ends of a new API token.
func ends() []frame.Choice {
	return []frame.Choice{{Value: "720h", Text: "30 days"}, {Value: "2160h", Text: "90 days"},
		{Value: "8760h", Text: "1 year"}, {Value: "", Text: "No expiry"}}
}

func listAPI(r *frame.Request) error {
	return apiPage(r, &apiTokens{Form: frame.NewForm("ends", "2160h")}, 0)
}

func apiPage(r *frame.Request, d *apiTokens, status int) error {
	all, err := r.API.APITokens().List(r.Context())
	if err != nil {
		return err
	}
	for _, t := range all {
		d.Tokens = append(d.Tokens, t.Value)
	}
	groups, err := accountGroups(r)
	if err != nil {
		return err
	}
	for _, g := range groups {
		d.Groups = append(d.Groups, frame.Choice{Value: g.ID, Text: g.Name})
	}
	d.Ends = ends()
	return r.Page(frame.Page{Title: "API tokens", Nav: root, Set: set, Name: "api", Data: d, Status: status,
		Crumbs: []frame.Crumb{{Text: "Tokens and keys", Path: root}}})
}

// accountGroups returns the permissions for a whole account.
func accountGroups(r *frame.Request) ([]client.PermissionGroup, error) {
	all, err := r.API.PermissionGroups(r.Context())
	var groups []client.PermissionGroup
	for _, g := range all {
		if len(g.Scopes) == 0 || g.Scopes[0] == client.ScopeAccount {
			groups = append(groups, g)
		}
	}
	return groups, err
}

func createAPI(r *frame.Request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	var groups []client.PermissionGroup
	for _, id := range f.Values["permission"] {
		if id != "" {
			groups = append(groups, client.PermissionGroup{ID: id})
		}
	}
	if f.Value("name") == "" {
		f.Fail("name", "Enter a name.")
	}
	if len(groups) == 0 {
		f.Fail("permission", "Choose at least one permission.")
	}
	body := client.APIToken{Name: f.Value("name"), Policies: []client.APITokenPolicy{{Effect: "allow", Groups: groups,
		Resources: client.WholeAccount(r.Person.Account.String())}}}
	if text := f.Value("ends"); text != "" {
		life, err := time.ParseDuration(text)
		if err != nil || life <= 0 {
			f.Fail("ends", "Choose when the token expires.")
		}
		body.ExpiresOn = r.Now.Add(life).UTC().Truncate(time.Second)
	}
	if !f.OK() {
		return apiPage(r, &apiTokens{Form: f}, http.StatusUnprocessableEntity)
	}
	made, err := r.API.APITokens().Create(r.Context(), body)
	if f.Refused(err) {
		return apiPage(r, &apiTokens{Form: f}, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return apiPage(r, &apiTokens{Form: frame.NewForm("ends", "2160h"), Value: made.Value.Value, Of: made.Value.Name}, 0)
}

func rollAPI(r *frame.Request) error {
	item, err := r.API.APITokens().Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	value, err := r.API.RollAPIToken(r.Context(), item.Value.ID)
	if err != nil {
		return err
	}
	return apiPage(r, &apiTokens{Form: frame.NewForm("ends", "2160h"), Value: value, Of: item.Value.Name}, 0)
}

func removeAPI(r *frame.Request) error {
	if err := r.API.APITokens().Delete(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	return r.Redirect(root+"/api", "The API token was deleted. It no longer works.")
}
