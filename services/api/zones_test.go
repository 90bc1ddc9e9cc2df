package api

import (
	"plumbline.dev/proto"
)

func (y *system) zoneToken(zone proto.Account) string {
	y.t.Helper()
	return y.token(func(t *proto.APIToken) { t.Policies[0].Zones = []proto.Account{zone} }, "959972745952452f8be2452be8cbb9f2")
}
