package device

import (
	"encoding/json"
	"net/http"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// endSessions ends every session of the device's user, at every application. The form names the user whom the page
// showed: the device may be enrolled for somebody else since.
func endSessions(r *frame.Request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	raw, err := r.API.Device(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	var d client.ListedDevice
	if err := json.Unmarshal(raw, &d); err != nil {
		return err
	}
	if d.Email == "" || d.Email != f.Value("email") {
		f.Problem = "The device is enrolled for somebody else now, so no session was ended."
		return page(r, f, http.StatusConflict)
	}
	if err := r.API.RevokeUser(r.Context(), d.Email, false); err != nil {
		return err
	}
	return r.Redirect("/devices/"+r.PathValue("id"), "Every session of "+d.Email+" has ended.")
}
