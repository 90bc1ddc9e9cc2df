package hold

import (
	"fmt"
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/console/frame"
	"plumbline.dev/services/plumb/client"
)

// Waits reports whether a hold waits for a person's decision: nobody has decided, and the safe side does not apply yet.
func Waits(h client.Hold) bool { return h.State == string(proto.HoldStanding) }

// LocksOut reports whether a hold keeps passes that would be lost.
func LocksOut(h client.Hold) bool { return slices.Contains(h.Directions, "lock_out") }

// OpensUp reports whether a hold keeps fails that would become passes.
func OpensUp(h client.Hold) bool { return slices.Contains(h.Directions, "open_up") }

// Effect says in a sentence what a hold does to devices.
func Effect(h client.Hold) string {
	what := "outcome"
	switch {
	case LocksOut(h) && !OpensUp(h):
		what = "pass"
	case OpensUp(h) && !LocksOut(h):
		what = "fail"
	}
	switch proto.HoldState(h.State) {
	case proto.HoldReleased:
		return "The observed outcomes were applied"
	case proto.HoldEnded:
		return "Nothing is held any more"
	case proto.HoldExpired:
		return "The safe side applies: " + frame.Plural(h.Devices, "device passes", "devices pass") +
			" only if the held and the newest outcome both are pass"
	}
	if h.Devices == 1 {
		return "1 device keeps its " + what
	}
	return frame.Plural(h.Devices, "device", "devices") + " keep their " + what
}

// Change says what a hold has kept from happening, in numbers.
func Change(h client.Hold) string {
	text := ""
	if h.FleetLost > 0 || !OpensUp(h) {
		text = fmt.Sprintf("%s of %s would fail (%s)", frame.Number(h.FleetLost),
			frame.Plural(h.FleetPass, "passing device", "passing devices"), frame.Percent(h.FleetLost, h.FleetPass))
	}
	if h.FleetGained > 0 {
		if text != "" {
			text += ", and "
		}
		text += fmt.Sprintf("%s of %s would change from fail to pass (%s)", frame.Number(h.FleetGained),
			frame.Plural(h.FleetKnown, "device", "devices"), frame.Percent(h.FleetGained, h.FleetKnown))
	}
	return text
}

// stateWords are the pills of the states.
var stateWords = map[proto.HoldState][2]string{
	proto.HoldStanding: {"held", "Waits for a decision"}, proto.HoldRejected: {"held", "Rejected"},
	proto.HoldExpired: {"warn", "Safe side applies"}, proto.HoldReleased: {"pass", "Released"},
	proto.HoldEnded: {"unk", "Ended"},
}

// stateOf returns the kind and the words of the pill of a hold's state.
func stateOf(h client.Hold) [2]string {
	if words, known := stateWords[proto.HoldState(h.State)]; known {
		return words
	}
	return [2]string{"unk", h.State}
}
