package filter

import "slices"

// Field is a text property of a device.
type Field uint8

// The fields. FieldAny stands for every one of them.
const (
	FieldAny Field = iota
	FieldName
	FieldUser
	FieldSerial
	FieldMAC
	FieldIP
	FieldID
)

var fieldNames = []string{"", "name", "user", "serial", "mac", "ip", "id"}

// String returns the name of a field in the filter language.
func (f Field) String() string { return fieldNames[f] }

// State is what a check or a device can be.
type State uint8

// The states. A check whose outcome is held has the state StateHeld beside that of its outcome; the same holds for
// StateExempt, StateGrace and StateObserve. StateRevoked is a state of devices.
const (
	StateUnknown State = iota
	StatePass
	StateFail
	StateHeld
	StateExempt
	StateGrace
	StateObserve
	StateRevoked
)

var stateNames = []string{"unknown", "pass", "fail", "held", "exempt", "grace", "observe", "revoked"}

// String returns the word of a state in the filter language.
func (s State) String() string { return stateNames[s] }

// Op is a comparison.
type Op uint8

// The comparisons.
const (
	Equal Op = iota
	NotEqual
	Less
	LessEqual
	Greater
	GreaterEqual
)

var opNames = []string{"=", "!=", "<", "<=", ">", ">="}

// String returns the sign of a comparison.
func (o Op) String() string { return opNames[o] }

// Holds reports whether a comparison of two numbers holds.
func (o Op) Holds(a, b int64) bool {
	switch o {
	case Equal:
		return a == b
	case NotEqual:
		return a != b
	case Less:
		return a < b
	case LessEqual:
		return a <= b
	case Greater:
		return a > b
	}
	return a >= b
}

// aliases are other names of fields.
var aliases = map[string]string{"hostname": "name", "email": "user", "person": "user", "serial_number": "serial",
	"mac_address": "mac", "virtual_ipv4": "ip", "address": "ip", "device_id": "id", "device": "id", "rule": "check"}

func fieldOf(name string) (Field, bool) {
	n := slices.Index(fieldNames, name)
	return Field(max(n, 0)), n > 0
}

func stateOf(name string, from, to State) (State, bool) {
	n := slices.Index(stateNames[from:to+1], name)
	return from + State(max(n, 0)), n >= 0
}

// Help describes the terms of the language, one a line: an example and its meaning.
var Help = [][2]string{
	{"laptop", "any property contains the text"},
	{"serial:PF*", "a property matches a pattern: name, user, serial, mac, ip or id"},
	{`check:"Disk encrypted"=fail`, "a check is pass, fail, unknown, held, exempt, grace or observe; != negates"},
	{"outcome:fail", "some check is pass, fail or unknown"},
	{"held:yes", "some check is held; the same with exempt, grace and observe"},
	{"revoked:yes", "revoked devices"},
	{"score<40", "the lowest score"},
	{"age>10m", "the newest score of some integration is older, or there is no score"},
	{"-user:bob*", "not; the same with NOT"},
	{"(name:a* OR name:b*)", "one of several; terms beside each other must all hold"},
}
