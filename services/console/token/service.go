package token

import (
	"context"
	"errors"
	"net/http"
	"time"

	"plumbline.dev/services/console/copyas"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// detail is the data of the screen of one service token.
type detail struct {
	row
	Secret  string // new, shown once
	Until   time.Time
	Uses    []use
	Partial bool // the person may not read all that may use the token
	Problem string
	Copies  []copyas.Text
}

// creation is the data of the form of a new service token.
type creation struct {
	Form      *frame.Form
	Durations []frame.Choice
	Copies    []copyas.Text
}

func durations() []frame.Choice {
	return []frame.Choice{{Value: "8760h", Text: "1 year"}, {Value: "17520h", Text: "2 years"},
		{Value: "43800h", Text: "5 years"}, {Value: "87600h", Text: "10 years"}, {Value: "forever", Text: "No expiry"}}
}

func blank(r *frame.Request) error {
	return form(r, frame.NewForm("duration", "8760h"), 0)
}

func form(r *frame.Request, f *frame.Form, status int) error {
	return r.Page(frame.Page{Title: "New service token", Nav: root, Set: set, Name: "new", Status: status,
		Crumbs: []frame.Crumb{{Text: "Tokens and keys", Path: root}},
		Data:   &creation{f, durations(), copiesOf(r, "my-token", "8760h")}})
}

func create(r *frame.Request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	if f.Value("name") == "" {
		f.Fail("name", "Enter a name.")
		return form(r, f, http.StatusUnprocessableEntity)
	}
	made, err := r.API.ServiceTokens.Create(r.Context(),
		map[string]string{"name": f.Value("name"), "duration": f.Value("duration")})
	if f.Refused(err) {
		return form(r, f, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	return page(r, made.Value, &detail{Secret: made.Value.ClientSecret}, 0)
}

func show(r *frame.Request) error {
	item, err := r.API.ServiceTokens.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return page(r, item.Value, &detail{}, 0)
}

// page answers with the screen of a token.
func page(r *frame.Request, t client.ServiceToken, d *detail, status int) error {
	d.row = row{t, r.Now}
	if err := d.findUses(r); err != nil {
		return err
	}
	d.Copies = copiesOf(r, t.Name, t.Duration)
	return r.Page(frame.Page{Title: t.Name, Nav: root, Set: set, Name: "token", Data: d, Status: status,
		Crumbs: []frame.Crumb{{Text: "Tokens and keys", Path: root}}})
}

func copiesOf(r *frame.Request, name, duration string) []copyas.Text {
	return []copyas.Text{
		copyas.Curl(
			r.Person.Account,
			"POST",
			"/access/service_tokens",
			map[string]string{"name": name, "duration": duration},
		),
		copyas.Plumb("token", "create", "--name", name, "--duration", duration),
		copyas.YAML("service_token", name, "duration: "+copyas.Quoted(duration)),
		copyas.Terraform("cloudflare_zero_trust_access_service_token", "name       = "+copyas.HCL(name),
			"duration   = "+copyas.HCL(duration)),
	}
}

// grace is how long the previous secret stays valid after a rotation that keeps it.
const grace = 24 * time.Hour

func rotate(r *frame.Request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	var until time.Time
	if f.Is("keep") {
		until = r.Now.Add(grace)
	}
	made, err := r.API.RotateToken(r.Context(), r.PathValue("id"), until)
	if err != nil {
		return err
	}
	return page(r, made.Value, &detail{Secret: made.Value.ClientSecret, Until: until}, 0)
}

func refresh(r *frame.Request) error {
	if _, err := r.API.RefreshToken(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	return r.Redirect(root+"/"+r.PathValue("id"), "The token is valid for another year from now.")
}

func enable(on bool) frame.Handler {
	message := "Disabled. Requests with this token are denied."
	if on {
		message = "Enabled."
	}
	return func(r *frame.Request) error {
		id := r.PathValue("id")
		if _, err := r.API.ServiceTokens.Update(r.Context(), id, map[string]any{"enabled": on}); err != nil {
			return err
		}
		return r.Redirect(root+"/"+id, message)
	}
}

func confirm(r *frame.Request) error {
	item, err := r.API.ServiceTokens.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return confirmation(r, item.Value, "", 0)
}

func confirmation(r *frame.Request, t client.ServiceToken, problem string, status int) error {
	d := &detail{row: row{t, r.Now}, Problem: problem}
	if err := d.findUses(r); err != nil {
		return err
	}
	return r.Page(frame.Page{Title: "Delete", Nav: root, Set: set, Name: "delete", Data: d, Status: status,
		Crumbs: []frame.Crumb{{Text: "Tokens and keys", Path: root}, {Text: t.Name, Path: root + "/" + t.ID}}})
}

func remove(r *frame.Request) error {
	id := r.PathValue("id")
	err := r.API.ServiceTokens.Delete(r.Context(), id)
	if e, ok := errors.AsType[*client.Error](err); ok &&
		(e.Status == http.StatusBadRequest || e.Status == http.StatusConflict) {
		item, getErr := r.API.ServiceTokens.Get(r.Context(), id)
		if getErr != nil {
			return getErr
		}
		return confirmation(r, item.Value, e.Message, http.StatusConflict)
	}
	if err != nil {
		return err
	}
	return r.Redirect(root, "The service token was deleted. Requests with it are denied from now on.")
}

// readable returns the resources of a list, or none and partial set if the person may not read them.
func readable[T client.Named](ctx context.Context, c client.Collection[T], partial *bool) ([]client.Item[T], error) {
	all, err := c.List(ctx)
	if denied(err) {
		*partial = true
		return nil, nil
	}
	return all, err
}
