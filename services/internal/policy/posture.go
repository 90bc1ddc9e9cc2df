package policy

import (
	"errors"

	"plumbline.dev/proto"
)

var errCheck = errors.New("integration_uid is not the id of a posture check, which is a UUID")

var _ = register(Selector{
	Name: "device_posture", Members: []string{"integration_uid"}, Value: "integration_uid", Usage: "CHECK",
	Refs: map[string]Resource{"integration_uid": CheckResource}, parse: parseDevicePosture,
})

// posture matches requests from a device that passes a check. A device that is unknown or has no result neither
// passes nor fails, so it is denied whether the rule requires or excludes passing devices.
type posture struct {
	check                          proto.ID
	failed, unknown, deviceUnknown *Problem
}

func parseDevicePosture(body []byte) (Matcher, error) {
	var b struct {
		Check string `json:"integration_uid"` // a check's id, despite the name (api/README.md 4.3)
	}
	if err := decode(body, &b); err != nil {
		return nil, err
	}
	check, err := parseID(b.Check, errCheck)
	if err != nil {
		return nil, err
	}
	problem := func(why Reason) *Problem { return &Problem{Reason: why, Selector: "device_posture", Check: check} }
	return posture{check, problem(PostureFailed), problem(PostureUnknown), problem(DeviceUnknown)}, nil
}

func (p posture) Matches(f *Facts) Truth {
	if f.Posture == nil {
		return unknown(p.deviceUnknown)
	}
	switch f.Posture(p.check) {
	case proto.OutcomePass:
		return yes()
	case proto.OutcomeFail:
		return lacking(p.failed)
	}
	return unknown(p.unknown)
}
