package destination

import (
	"net/http"
	"time"

	"plumbline.dev/services/console/frame"
)

// test sends a test message, and shows the response.
func test(r *frame.Request) error {
	id := r.PathValue("id")
	result, err := r.API.TestDestination(r.Context(), id)
	if err != nil {
		return err
	}
	item, err := r.API.EventDestinations().Get(r.Context(), id)
	if err != nil {
		return err
	}
	return stored(r, item, &detail{Test: &result.Value}, 0)
}

// pause returns the action that pauses or resumes a destination. Resuming enables a disabled one.
func pause(stop bool) frame.Handler {
	message := "Resumed. What waits is delivered now."
	if stop {
		message = "Paused. Events wait as long as the log has them."
	}
	return func(r *frame.Request) error {
		item, err := r.API.EventDestinations().Get(r.Context(), r.PathValue("id"))
		if err != nil {
			return err
		}
		members, err := membersOf(item)
		if err != nil {
			return err
		}
		members["paused"] = stop
		if _, err := r.API.EventDestinations().Replace(r.Context(), item.Value.ID, item.Revision, members); err != nil {
			return err
		}
		return r.Redirect(root+"/"+item.Value.ID, message)
	}
}

// minute is the format of a field of type datetime-local, in UTC.
const minute = "2006-01-02T15:04"

// replay has the messages since a time sent again.
func replay(r *frame.Request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	since, err := time.Parse(minute, f.Value("since"))
	if err != nil {
		f.Fail("since", "Enter the date and the time in UTC from which messages are sent again.")
	} else if _, err = r.API.ReplayDestination(r.Context(), id, since); err == nil {
		return r.Redirect(root+"/"+id, "Messages since "+since.Format("2006-01-02 15:04 MST")+" are sent again.")
	} else if !f.Refused(err) {
		return err
	}
	item, err := r.API.EventDestinations().Get(r.Context(), id)
	if err != nil {
		return err
	}
	return stored(r, item, &detail{Replay: f}, http.StatusUnprocessableEntity)
}

// overlaps are the choices of how long the former secret stays in use.
var overlaps = map[string]time.Duration{"24h": 24 * time.Hour, "168h": 7 * 24 * time.Hour, "0s": 0}

// rotate gives the destination another secret, and shows it.
func rotate(r *frame.Request) error {
	f, err := r.Form()
	if err != nil {
		return err
	}
	overlap, known := overlaps[f.Value("overlap")]
	if !known {
		return &frame.Problem{Status: http.StatusBadRequest, Title: "The secret was not rotated",
			Text: "The form does not say how long the former secret stays in use."}
	}
	made, err := r.API.RotateDestination(r.Context(), r.PathValue("id"), overlap)
	if err != nil {
		return err
	}
	secret := made.Value.Secret
	return stored(r, made, &detail{Secret: secret, Title: "Copy the new secret to the receiver now."}, 0)
}

// confirm says what a deletion breaks.
func confirm(r *frame.Request) error {
	item, err := r.API.EventDestinations().Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return r.Page(frame.Page{Title: "Delete", Nav: root, Set: set, Name: "delete", Data: row{item.Value},
		Crumbs: []frame.Crumb{crumb, {Text: item.Value.Name, Path: root + "/" + item.Value.ID}}})
}

func remove(r *frame.Request) error {
	if err := r.API.EventDestinations().Delete(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	return r.Redirect(root, "The destination was deleted. It gets no more messages.")
}
