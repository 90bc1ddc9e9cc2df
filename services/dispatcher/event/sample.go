package event

import (
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Samples returns an event of each type, to try a template with.
func Samples(a proto.Account, at time.Time) ([]Event, error) {
	change := &proto.Change{Index: 1, Integration: proto.DeriveID(a, "integration"), Tick: 1, At: proto.At(at),
		Devices: []proto.ChangedDevice{{Device: proto.DeriveID(a, "device"), From: proto.OutcomePass,
			Reason: proto.ReasonScore, Score: 50}}}
	check := proto.DeriveID(a, "check")
	all, err := OfChange(Message{Ref: topology.ChangeRef{Account: a, Check: check, Outcome: proto.OutcomeFail},
		Change: change}, nil)
	if err != nil {
		return nil, err
	}
	stand := &proto.Hold{ID: proto.DeriveID(a, "hold"), Integration: change.Integration, Check: check,
		State: proto.HoldStanding, Out: true, Since: proto.At(at), UpdatedAt: proto.At(at), Pages: 1, Devices: 20}
	over := *stand
	over.State = proto.HoldReleased
	for _, make := range []func() (Event, error){
		func() (Event, error) { return OfReset(a, "1.0", "9.0", at, "") },
		func() (Event, error) { return OfHold(a, stand.Notice(a), 1, at) },
		func() (Event, error) { return OfHold(a, over.Notice(a), 2, at) },
		func() (Event, error) {
			return OfToken(a, &proto.TokenNotice{At: proto.At(at), Token: proto.DeriveID(a, "token"), Name: "CI",
				State: proto.TokenExpiring, ExpiresAt: proto.At(at)}, 1)
		},
		func() (Event, error) {
			return OfToken(a, &proto.TokenNotice{At: proto.At(at), Token: proto.DeriveID(a, "token"), Name: "CI",
				State: proto.TokenExpired}, 2)
		},
		func() (Event, error) {
			return OfPing(Ping{Account: a, Destination: proto.DeriveID(a, "destination"), Name: "SOC"},
				proto.DeriveID(a, "ping"), at)
		},
	} {
		e, err := make()
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}
