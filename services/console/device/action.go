package device

import (
	"context"
	"errors"
	"net/http"
	"time"

	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// isStatus reports whether the API answered with a status.
func isStatus(err error, status int) bool {
	e, ok := errors.AsType[*client.Error](err)
	return ok && e.Status == status
}

// exemption is the body of a new exemption.
type exemption struct {
	Device string  `json:"device_id"`
	Check  *string `json:"rule_id"`
	Until  string  `json:"until"`
	Reason string  `json:"reason"`
}

// readExemption reads the form of an exemption, without the device. It notes what is wrong in the form.
func readExemption(form *frame.Form) exemption {
	x := exemption{Reason: form.Value("reason")}
	if check := form.Value("rule_id"); check != "" {
		x.Check = &check
	}
	at, err := time.Parse(minute, form.Value("until"))
	if err != nil {
		form.Fail("until", "Enter the date and the time in UTC when the exemption ends.")
	}
	if x.Until = at.UTC().Format(time.RFC3339); x.Reason == "" {
		form.Fail("reason", "Say why the device is exempt. The reason is in the audit log.")
	}
	return x
}

func exempt(r *frame.Request) error {
	form, err := r.Form()
	if err != nil {
		return err
	}
	x := readExemption(form)
	x.Device = r.PathValue("id")
	if form.OK() {
		_, err = r.API.Exemptions(nil).Create(r.Context(), x)
		if err == nil {
			return r.Redirect("/devices/"+x.Device, "Exempt. The device passes as soon as it is evaluated.")
		}
		if !form.Refused(err) {
			return err
		}
	}
	return page(r, form, http.StatusUnprocessableEntity)
}

func endExemption(r *frame.Request) error {
	if err := r.API.Exemptions(nil).Delete(r.Context(), r.PathValue("exemption")); err != nil && !client.IsNotFound(err) {
		return err
	}
	return r.Redirect("/devices/"+r.PathValue("id"), "The exemption has ended.")
}

// poll polls each integration that is not paused.
func poll(r *frame.Request) error {
	text, err := pollAll(r)
	if err != nil {
		return err
	}
	return r.Redirect("/devices/"+r.PathValue("id"), text)
}

func pollAll(r *frame.Request) (string, error) {
	all, err := r.API.Status(r.Context())
	if err != nil {
		return "", err
	}
	polled := 0
	for _, i := range all {
		if i.Paused || i.Checks == 0 {
			continue
		}
		if _, err := r.API.PollNow(r.Context(), i.ID); err != nil {
			return "", err
		}
		polled++
	}
	if polled == 0 {
		return "Nothing to poll: no integration with a check is active.", nil
	}
	return "Polling now. New results arrive within seconds.", nil
}

func removeOne(ctx context.Context, c *client.Client, id string) error {
	return c.DeleteDevice(ctx, id)
}

func revokeOne(ctx context.Context, c *client.Client, id string) error {
	return c.RevokeDevice(ctx, id)
}

func unrevokeOne(ctx context.Context, c *client.Client, id string) error {
	return c.UnrevokeDevice(ctx, id)
}

// act returns the handler of an action on one device. It leads to a path, or back to the device if that is empty.
func act(done string, do func(context.Context, *client.Client, string) error, path string) frame.Handler {
	return func(r *frame.Request) error {
		id := r.PathValue("id")
		if err := do(r.Context(), r.API, id); err != nil {
			return err
		}
		if path == "" {
			return r.Redirect("/devices/"+id, done)
		}
		return r.Redirect(path, done)
	}
}
