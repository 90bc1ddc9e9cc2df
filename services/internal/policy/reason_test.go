package policy

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestReasonsAreAClosedList(t *testing.T) {
	form, seen := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`), map[string]bool{}
	for _, r := range Reasons() {
		if !form.MatchString(r.String()) || seen[r.String()] {
			t.Errorf("reason %d has the code %q", r, r)
		}
		seen[r.String()] = true
		if !strings.HasSuffix(r.Sentence(), ".") {
			t.Errorf("%s: %q is not a sentence", r, r.Sentence())
		}
		if e := r.Refusal(); e.Code != r.String() || e.Message != r.Sentence() {
			t.Errorf("%s: %+v", r, e)
		}
	}
	var admitting []Reason
	for _, r := range append(Reasons(), 200) {
		if r.Admits() {
			admitting = append(admitting, r)
		}
	}
	if want := []Reason{ServiceAuth, Bypass, Allow, Preflight}; !slices.Equal(admitting, want) {
		t.Errorf("%v admit", admitting)
	}
	if Reason(200).String() != "undecided" || Reason(200).Sentence() == "" {
		t.Error(Reason(200))
	}
}

// Text from a policy must not become a metric label.
func TestAProblemsLabelIsOfAClosedList(t *testing.T) {
	for selector, want := range map[string]string{
		"geo": "geo", "azureAD": "azureAD", "group": "group", "device_posture": "device_posture", "": "",
		"approval_required": "other", "made up": "other", "Geo": "other",
	} {
		if got := (&Problem{Selector: selector}).Label(); got != want {
			t.Errorf("%q is shown as %q, want %q", selector, got, want)
		}
	}
}
