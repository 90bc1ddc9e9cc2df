package posture

import (
	"cmp"
	"strconv"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/breaker"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// settingFlags are the flags for the enforcement of a check. A flag that is not given changes nothing.
type settingFlags struct {
	Mode            *string `env:"-" enum:"enforce,observe" help:"enforce, or observe: every outcome is pass, and the observed outcome is shown beside it." placeholder:"MODE"`
	RecoverScore    *string `env:"-" help:"Score that a failing device is compared with, stricter than --score. Empty: --score." placeholder:"SCORE"`
	Grace           *string `env:"-" help:"How long a device that changes to fail keeps its pass, such as 36h or 14d. Empty: not at all." placeholder:"DURATION"`
	Remediation     *string `env:"-" help:"Text on the deny page for users with a failing device: plain text or Markdown. Empty: none." placeholder:"TEXT"`
	RemediationFile []byte  `env:"-" type:"filecontent" help:"File with the text for --remediation." placeholder:"PATH"`
	breaker.Flags   `set:"breaker_default=the account's settings"`
}

// set sets the members of a check for the given flags, and returns their number.
func (f settingFlags) set(body map[string]any) (int, error) {
	if f.RemediationFile != nil {
		if f.Remediation != nil {
			return 0, cli.Usage("give either --remediation or --remediation-file, not both")
		}
		text := strings.TrimRight(string(f.RemediationFile), "\r\n")
		f.Remediation = &text
	}
	edited := resource.SetOrReset(body, "x_mode", f.Mode) + resource.SetOrReset(body, "x_grace", f.Grace) +
		resource.SetOrReset(body, "x_remediation", f.Remediation)
	if f.RecoverScore != nil {
		score, err := strconv.ParseFloat(*f.RecoverScore, 64)
		if *f.RecoverScore != "" && err != nil {
			return 0, cli.Usage("--recover-score must be a number, or empty: %q", *f.RecoverScore)
		}
		if body["x_recover_score"] = nil; err == nil {
			body["x_recover_score"] = client.Number(score)
		}
		edited++
	}
	n, err := f.Flags.Set(body)
	return edited + n, err
}

// enforcement returns the settings of a check that change how it is enforced, such as "observe" or
// "enforce, grace 14d". It returns a dash for a check that is not evaluated.
func enforcement(k client.Check) string {
	if k.Type != proto.TypeCustomS2S {
		return "-"
	}
	all := []string{cmp.Or(k.Mode, string(proto.ModeEnforce))}
	if k.RecoverScore != "" {
		all = append(all, "recovers at "+k.RecoverScore.String())
	}
	if k.Grace != "" {
		all = append(all, "grace "+k.Grace)
	}
	if k.Breaker != nil {
		all = append(all, "breaker "+k.Breaker.OfCheck())
	}
	return strings.Join(all, ", ")
}

// settingRows adds the rows of a check's settings for enforcement.
func settingRows(tab *render.Table, k client.Check) {
	if k.Type == proto.TypeCustomS2S {
		tab.Row("mode", cmp.Or(k.Mode, string(proto.ModeEnforce)))
		if k.RecoverScore != "" {
			tab.Row("recovers when", "score "+k.Input.Operator+" "+k.RecoverScore.String())
		}
		tab.Row("grace", render.OrDash(k.Grace))
		tab.Row("breaker", k.Breaker.OfCheck())
	}
	title := "remediation"
	for line := range strings.Lines(k.Remediation) {
		tab.Row(title, strings.TrimRight(line, "\r\n"))
		title = ""
	}
}
