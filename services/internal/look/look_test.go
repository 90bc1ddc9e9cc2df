package look

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Texts keep a contrast of 4.5 on every ground that they stand on, in light and in dark.
func TestContrast(t *testing.T) {
	light, dark, found := strings.Cut(Tokens, "@media (prefers-color-scheme: dark)")
	if !found {
		t.Fatal("there are no dark colours")
	}
	pairs := map[string][]string{
		"text": {"bg", "panel", "sunk", "acc-tint", "held-tint", "fail-tint", "warn-tint", "pass-tint"},
		"mut":  {"bg", "panel", "sunk"}, "acc": {"bg", "panel", "acc-tint"}, "on-acc": {"acc", "acc-strong"},
		"pass": {"panel", "pass-tint"}, "fail": {"bg", "panel", "fail-tint"}, "unk": {"panel", "unk-tint"},
		"held": {"panel", "held-tint"}, "warn": {"panel", "warn-tint"},
	}
	for name, sheet := range map[string]string{"light": light, "dark": dark} {
		colours := colours(t, sheet)
		for text, grounds := range pairs {
			for _, ground := range grounds {
				if got := contrast(colours[text], colours[ground]); got < 4.5 {
					t.Errorf("%s: --%s on --%s has a contrast of %.2f", name, text, ground, got)
				}
			}
		}
	}
}

// Nothing is loaded from elsewhere: the gateway's pages forbid it.
func TestLoadsNothing(t *testing.T) {
	for _, bad := range []string{"url(", "@import", "</"} {
		if strings.Contains(Tokens, bad) {
			t.Errorf("the tokens have %s", bad)
		}
	}
}

var colour = regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{3}|[0-9a-f]{6});`)

// colours returns the luminance of each colour.
func colours(t *testing.T, sheet string) map[string]float64 {
	all := map[string]float64{}
	for _, m := range colour.FindAllStringSubmatch(sheet, -1) {
		hex := m[2]
		if len(hex) == 3 {
			hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
		}
		l := 0.0
		for n, weight := range []float64{.2126, .7152, .0722} {
			part, err := strconv.ParseUint(hex[2*n:2*n+2], 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			v := float64(part) / 255
			if v <= .04045 {
				v /= 12.92
			} else {
				v = math.Pow((v+.055)/1.055, 2.4)
			}
			l += weight * v
		}
		all[m[1]] = l
	}
	if len(all) < 20 {
		t.Fatalf("found %d colours", len(all))
	}
	return all
}

func contrast(a, b float64) float64 { return (max(a, b) + .05) / (min(a, b) + .05) }
