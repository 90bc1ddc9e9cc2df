package importfile

import "strings"

// placeholders are texts used by boards and virtual machines instead of a serial number, in lower case.
var placeholders = setOf(
	"none", "null", "nil", "n/a", "na", "not available", "not applicable", "not specified", "not set", "not settable",
	"not present", "not provided", "unknown", "unspecified", "undefined", "invalid", "empty", "default", "default string",
	"to be filled by o.e.m.", "to be filled by o.e.m", "to be filled by oem", "filled by oem", "o.e.m.", "oem",
	"oem serial", "system serial number", "system serial", "serial number", "serial", "serialnumber", "sernum",
	"chassis serial number", "base board serial number", "mainboard serial number", "board serial number", "no serial",
	"no serial number", "sn", "s/n", "123456789", "1234567890", "0123456789", "12345678", "1234567", "123456", "12345",
	"1234", "123", "01234567", "012345678", "default serial", "default serial number", "system product name",
	"product name", "system name", "oem default", "tbd", "tba", "to do",
	"standard", "generic", "dummy", "sample", "example", "#n/a", "#na", "#ref!", "#value!", "#name?", "nan", "false",
	"true", "void", "to be filled", "to be determined", "to be defined", "to be set", "not defined", "not assigned",
	"not found", "not supported", "no asset tag", "no asset information", "asset tag", "chassis serial",
	"base board serial", "board serial", "sys serial", "system manufacturer", "system version", "serial no", "serial no.",
	"innotek gmbh", "test", "type2 - system serial number", "type3 - chassis serial number", "insyde", "xxxx-xxxx",
	"bad serial",
)

func setOf(words ...string) map[string]bool {
	set := map[string]bool{}
	for _, w := range words {
		set[w] = true
	}
	return set
}

// Placeholder reports whether a serial number is a placeholder, shared by many devices. Blank ones and repetitions of
// one character (00000000, ----, xxxx) are placeholders too.
func Placeholder(serial string) bool {
	s := strings.ToLower(strings.Join(strings.Fields(strings.ReplaceAll(serial, "_", " ")), " "))
	if s == "" || placeholders[s] {
		return true
	}
	first := rune(-1)
	for _, r := range s {
		if strings.ContainsRune(" -_./:", r) {
			continue
		}
		if first >= 0 && r != first {
			return false
		}
		first = r
	}
	return true
}
