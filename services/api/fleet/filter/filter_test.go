package filter_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"plumbline.dev/services/api/fleet/filter"
)

func text(s string) filter.Expr { return filter.Text{Pattern: s} }

func TestParse(t *testing.T) {
	for in, want := range map[string]filter.Expr{
		"":                            filter.All{},
		"  ":                          filter.All{},
		"Laptop":                      text("laptop"),
		`"two words"`:                 text("two words"),
		`"a \"b\" \\ c"`:              text(`a "b" \ c`),
		`"AND"`:                       text("and"),
		"a b":                         filter.All{text("a"), text("b")},
		"a AND b":                     filter.All{text("a"), text("b")},
		"a OR b c":                    filter.Any{text("a"), filter.All{text("b"), text("c")}},
		"(a OR b) c":                  filter.All{filter.Any{text("a"), text("b")}, text("c")},
		"-a":                          filter.Not{Of: text("a")},
		"NOT a b":                     filter.All{filter.Not{Of: text("a")}, text("b")},
		"-(a b)":                      filter.Not{Of: filter.All{text("a"), text("b")}},
		"--a":                         text("a"),
		"a-b":                         text("a-b"),
		"serial:PF*":                  filter.Text{Field: filter.FieldSerial, Pattern: "pf*"},
		"serial:-1":                   filter.Text{Field: filter.FieldSerial, Pattern: "-1"},
		`user:""`:                     filter.Text{Field: filter.FieldUser},
		"email:a@b.c":                 filter.Text{Field: filter.FieldUser, Pattern: "a@b.c"},
		"NAME=x":                      filter.Text{Field: filter.FieldName, Pattern: "x"},
		"mac:00:1A:*":                 filter.Text{Field: filter.FieldMAC, Pattern: "00:1a:*"},
		`check:"Disk encrypted"=fail`: filter.Check{Name: "Disk encrypted", State: filter.StateFail},
		"check:Disk!=Held":            filter.Check{Name: "Disk", State: filter.StateHeld, Not: true},
		"outcome:unknown":             filter.Outcome{State: filter.StateUnknown},
		"held:yes":                    filter.Flag{State: filter.StateHeld, On: true},
		"revoked:no":                  filter.Flag{State: filter.StateRevoked},
		"score<40":                    filter.Score{Op: filter.Less, Value: 40},
		"score:40":                    filter.Score{Op: filter.Equal, Value: 40},
		"score!=0":                    filter.Score{Op: filter.NotEqual},
		"age>10m":                     filter.Age{Op: filter.Greater, Value: 10 * time.Minute},
		"age<=7d":                     filter.Age{Op: filter.LessEqual, Value: 7 * 24 * time.Hour},
		`check:"Disk encrypted"=fail -user:bob serial:PF* held:yes age>10m`: filter.All{
			filter.Check{Name: "Disk encrypted", State: filter.StateFail},
			filter.Not{Of: filter.Text{Field: filter.FieldUser, Pattern: "bob"}},
			filter.Text{Field: filter.FieldSerial, Pattern: "pf*"}, filter.Flag{State: filter.StateHeld, On: true},
			filter.Age{Op: filter.Greater, Value: 10 * time.Minute}},
	} {
		got, err := filter.Parse(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", in, diff)
		}
		again, err := filter.Parse(got.String())
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%s: written as %s, which is read as %#v, %v", in, got, again, err)
		}
	}
}

func TestErrorsNameThePlace(t *testing.T) {
	for in, want := range map[string]struct {
		at   int
		says string
	}{
		"chek:a":            {1, "check, outcome, name"},
		"é chek:a":          {3, `"chek"`},
		`a "b`:              {3, "not closed"},
		"(a":                {1, `add ")"`},
		"a)":                {2, "remove it"},
		"()":                {2, "name:laptop*"},
		"a OR":              {5, "missing"},
		"OR a":              {1, "before it"},
		"a AND OR b":        {7, "before it"},
		"-":                 {2, "missing"},
		"serial:":           {8, "without a blank"},
		"serial: PF":        {9, "without a blank"},
		"serial<3":          {7, "write serial:"},
		"held:maybe":        {6, "held:yes or held:no"},
		"outcome:bad":       {9, "pass, fail or unknown"},
		"check:Disk":        {11, "=fail"},
		"check:Disk =fail":  {12, "=fail"},
		"check:Disk=broken": {12, "held"},
		`check:""=fail`:     {7, "NAME"},
		"check<3":           {6, "write check:"},
		"score<101":         {7, "0 to 100"},
		"score<x":           {7, "0 to 100"},
		"score!40":          {6, "use <"},
		"age>x":             {5, "36h"},
		"age>-1h":           {5, "36h"},
		"age=1h":            {4, "age>"},
		"age>99999d":        {5, "36h"},
		`a\b`:               {2, "quotes"},
		"a:b:c":             {1, "unknown property"},
		"a\x00":             {2, "remove it"},
		"a\xff":             {2, "remove it"},

		strings.Repeat("(", 40) + "a":           {34, "nested"},
		strings.Repeat("-(", 40) + "a":          {34, "nested"},
		strings.Repeat("ip:a ", 70):             {321, "at most 64"},
		strings.Repeat("a ", 9):                 {17, "at most 8"},
		strings.Repeat(`"a" OR `, 9) + "ip:b":   {57, "name the property"},
		strings.Repeat("a", filter.MaxLength+1): {1, "2000 bytes"},
		"name:a name:b name:c " + `check:x=y z`: {30, "state of a check"},
	} {
		_, err := filter.Parse(in)
		var e *filter.Error
		if !errors.As(err, &e) || e.At != want.at || !strings.Contains(err.Error(), want.says) {
			t.Errorf("%.60q: %v, want character %d and %q", in, err, want.at, want.says)
		}
	}
}

func TestMentions(t *testing.T) {
	for in, want := range map[string]bool{"revoked:yes": true, "a -(b OR revoked:no)": true, "held:yes": false, "": false,
		`"revoked:yes"`: false} {
		e, err := filter.Parse(in)
		if err != nil || filter.Mentions(e, filter.StateRevoked) != want {
			t.Errorf("%s: %v, want %t", in, err, want)
		}
	}
}

// The examples of the help are filters.
func TestHelp(t *testing.T) {
	for _, line := range filter.Help {
		if _, err := filter.Parse(line[0]); err != nil || line[1] == "" {
			t.Errorf("%s: %v", line[0], err)
		}
	}
}

// FuzzParse checks that what is read is written so that it is read as the same, and that errors are within the text.
func FuzzParse(f *testing.F) {
	for _, line := range filter.Help {
		f.Add(line[0])
	}
	f.Add(`a OR -(b "c\"" check:x!=held) mac:00:11 score>=3 age<1h`)
	f.Fuzz(func(t *testing.T, in string) {
		e, err := filter.Parse(in)
		if err != nil {
			var at *filter.Error
			if !errors.As(err, &at) || at.At < 1 || at.At > len(in)+1 || at.Problem == "" || at.Remedy == "" {
				t.Fatalf("%q: %#v", in, err)
			}
			return
		}
		written := e.String()
		if len(written) > filter.MaxLength {
			return
		}
		again, err := filter.Parse(written)
		if err != nil || !reflect.DeepEqual(again, e) {
			t.Fatalf("%q is %#v, written as %q, which is %#v, %v", in, e, written, again, err)
		}
	})
}
