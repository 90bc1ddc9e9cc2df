package destination_test

import (
	"strings"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/destination"
)

func TestHeaderNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"Authorization": true, "X-Api-Key": true, "Content-Type": true, "x": true,
		"": false, "Host": false, "hOST": false, "Content-Length": false, "Transfer-Encoding": false, "Webhook-Id": false,
		"webhook-signature": false, "Connection": false, "Content_Length": false, "X Y": false, "X:": false,
		"X\r\nHost": false, "X\x00": false, "É": false, "Cookie": false, strings.Repeat("a", 65): false,
		strings.Repeat("a", 64): true,
	} {
		if err := destination.CheckHeaderName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestHeaderValues(t *testing.T) {
	for value, ok := range map[string]bool{
		"Bearer abc": true, "a\tb": true, "": false, " a": false, "a ": false, "a\r\nX: y": false, "a\ny": false,
		"a\x00": false, "a\x7f": false, strings.Repeat("a", 4096): true, strings.Repeat("a", 4097): false,
	} {
		err := destination.CheckHeaderValue(value)
		if (err == nil) != ok {
			t.Errorf("%.40q: %v", value, err)
		}
		if err != nil && value != "" && strings.Contains(err.Error(), "X: y") {
			t.Errorf("the error has the value: %v", err)
		}
	}
}

func TestLabelsDiffer(t *testing.T) {
	a, b := proto.NewID(), proto.NewID()
	seen := map[string]bool{}
	for _, l := range []string{destination.URLLabel(a), destination.SecretLabel(a), destination.HeaderLabel(a, "X"),
		destination.HeaderLabel(a, "Y"), destination.URLLabel(b), destination.SecretLabel(b)} {
		if seen[l] {
			t.Errorf("two members have the label %q", l)
		}
		seen[l] = true
	}
	if destination.HeaderLabel(a, "X-Key") != destination.HeaderLabel(a, "x-key") {
		t.Error("the case of a name changes its label")
	}
}
