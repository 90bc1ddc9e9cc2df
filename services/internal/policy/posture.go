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

// posture holds for requests from a device that passes a check. A device without a result, or one that is
// not known, neither passes nor fails: it is admitted nowhere, whether a rule asks for those that pass or
// excludes them.
type posture struct {
	check                          proto.ID
	failed, unknown, deviceUnknown *Problem
}

func parseDevicePosture(body []byte) (Matcher, error) {
	var b struct {
		Check string `json:"integration_uid"` // the check's, in spite of its name (api/README.md 4.3)
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
