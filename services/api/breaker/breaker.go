// Package breaker reads and describes x_breaker, the settings of the breaker of a posture rule or of an account.
package breaker

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/api/v4"
)

// Member is the name of the member with the settings.
const Member = "x_breaker"

// Read returns the settings in a body, or nil if the member is absent or null. A setting that is absent or null is not
// set (see [proto.BreakerOf]). An error names the setting.
func Read(body v4.Object) (*proto.BreakerSettings, error) {
	in, err := body.Member(Member)
	if err != nil {
		return nil, fmt.Errorf(`%s must be an object such as {"share":0.1}, or null`, Member)
	}
	if in == nil {
		return nil, nil
	}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		if _, known := members()[name]; !known {
			return nil, fmt.Errorf("%s.%s is unknown: the settings are %s", Member, name,
				strings.Join(slices.Sorted(maps.Keys(members())), ", "))
		}
	}
	var b proto.BreakerSettings
	enabled, given, err := in.Bool("enabled")
	if err != nil {
		return nil, fmt.Errorf("%s.enabled must be true or false", Member)
	}
	if given {
		b.Off = new(!enabled)
	}
	share, given, err := in.Number("share")
	if err != nil {
		return nil, fmt.Errorf("%s.share must be a number from 0 to 1, such as 0.2", Member)
	}
	if given {
		b.Share = &share
	}
	floor, given, err := in.Int("floor", 0, proto.PageSize)
	if err != nil {
		return nil, fmt.Errorf("%s.floor must be a whole number from 0 to %d", Member, proto.PageSize)
	}
	if given {
		b.Floor = &floor
	}
	if b.Window, err = duration(in, "window"); err != nil {
		return nil, err
	}
	if b.MaxHold, err = duration(in, "max_hold"); err != nil {
		return nil, err
	}
	if err := b.Validate(); err != nil {
		return nil, fmt.Errorf("%s.%w", Member, err)
	}
	return &b, nil
}

// duration returns a duration of the settings, or 0 if it is absent or null.
func duration(in v4.Object, name string) (time.Duration, error) {
	if !in.Has(name) {
		return 0, nil
	}
	text, err := in.Text(name)
	d, parseErr := v4.ParseDuration(text)
	if err != nil || parseErr != nil || d < proto.MinBreakerDuration || d > proto.MaxBreakerDuration {
		return 0, fmt.Errorf(`%s.%s must be a duration from 1m to 7d, such as "4h"`, Member, name)
	}
	return d, nil
}

func members() openapi.Members {
	d := proto.DefaultBreaker()
	return openapi.Members{
		"enabled": openapi.Bool().Describe("Default true.").OrNull(),
		"share": openapi.Number().With("minimum", 0).With("maximum", 1).Describe("Share of a page's devices whose " +
			"outcome one poll, or one window, may change in one direction. Default 0.2.").OrNull(),
		"floor": openapi.Between(0, proto.PageSize).Describe(fmt.Sprintf("Number of devices of a page that may change "+
			"whatever the share is. Default %d.", d.Floor)).OrNull(),
		"window": openapi.Duration().Describe("Time over which changes are added up, from 1m to 7d. Default 1h.").OrNull(),
		"max_hold": openapi.Duration().Describe("Time after which a held device passes only if both the held and the " +
			"observed outcome are pass, from 1m to 7d. Default 4h.").OrNull(),
	}
}

// Schema returns the schema of the member.
func Schema() openapi.Schema {
	s := openapi.Object(members())
	s["additionalProperties"] = false
	return s.Describe("The settings of the breaker. null resets them; a request without them keeps them. A setting that " +
		"is absent or null follows the account's in a posture rule, and has its default in the account.").OrNull()
}
