package token

import (
	"net/http"
	"strconv"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// keys is the data of the screen of signing keys.
type keys struct {
	client.Keys
	Form *frame.Form
}

func showKeys(r *frame.Request) error {
	item, err := r.API.Keys(r.Context())
	if err != nil {
		return err
	}
	return keysPage(r, &keys{item.Value, frame.NewForm("days", strconv.Itoa(item.Value.IntervalDays))}, 0)
}

func keysPage(r *frame.Request, d *keys, status int) error {
	return r.Page(frame.Page{Title: "Signing keys", Nav: root, Set: set, Name: "keys", Data: d, Status: status,
		Crumbs: []frame.Crumb{{Text: "Tokens and keys", Path: root}}})
}

func rotateKeys(r *frame.Request) error {
	if _, err := r.API.RotateKeys(r.Context()); err != nil {
		return err
	}
	return r.Redirect(root+"/keys", "The next key signs from now on. Tokens signed before stay valid until they expire.")
}

func setInterval(r *frame.Request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	days, err := strconv.Atoi(f.Value("days"))
	if err != nil {
		f.Fail("days", "Must be a whole number of days.")
	} else if _, err = r.API.KeyInterval(r.Context(), days); err != nil && !f.Refused(err) {
		return err
	}
	if !f.OK() {
		item, err := r.API.Keys(r.Context())
		if err != nil {
			return err
		}
		return keysPage(r, &keys{item.Value, f}, http.StatusUnprocessableEntity)
	}
	return r.Redirect(root+"/keys", "Saved.")
}
