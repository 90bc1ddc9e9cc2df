// Package breaker has the command-line flags for the settings of a breaker, of a check or of the account.
package breaker

import (
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/command/resource"
)

// Flags are the flags for the settings of a breaker. A flag that is not given changes nothing.
type Flags struct {
	Breaker       *string  `env:"-" enum:"on,off,default" help:"Hold a poll that changes too many outcomes: on, off, or default for ${breaker_default}." placeholder:"on|off|default"`
	BreakerShare  *float64 `env:"-" help:"Share of a page's devices that a poll may change in one direction, 0 to 1." placeholder:"SHARE"`
	BreakerFloor  *int     `env:"-" help:"Number of a page's devices that a poll may change whatever the share is." placeholder:"DEVICES"`
	BreakerWindow *string  `env:"-" help:"Time over which slow changes are added up, such as 1h." placeholder:"DURATION"`
	MaxHold       *string  `env:"-" help:"Time after which a held device passes only if both outcomes are pass, such as 4h." placeholder:"DURATION"`
}

// Set sets x_breaker in a body for the given flags, and returns the number of changes.
func (f Flags) Set(body map[string]any) (int, error) {
	given := f.BreakerShare != nil || f.BreakerFloor != nil || f.BreakerWindow != nil || f.MaxHold != nil
	switch {
	case f.Breaker == nil && !given:
		return 0, nil
	case f.Breaker != nil && *f.Breaker == "default":
		if given {
			return 0, cli.Usage("--breaker default resets every setting: leave out the other flags of the breaker")
		}
		body["x_breaker"] = nil
		return 1, nil
	}
	in := resource.Member(body, "x_breaker")
	if f.Breaker != nil {
		in["enabled"] = *f.Breaker == "on"
	}
	return 1 + resource.Set(in, "share", f.BreakerShare) + resource.Set(in, "floor", f.BreakerFloor) +
		resource.SetOrReset(in, "window", f.BreakerWindow) + resource.SetOrReset(in, "max_hold", f.MaxHold), nil
}
