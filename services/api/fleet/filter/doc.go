// Package filter reads the filter language of device lists. It is pure: names of checks stay names, and ages stay
// durations.
//
//	check:"Disk encrypted"=fail -user:bob serial:PF* held:yes age>10m
//
// # Language
//
// Terms that stand beside each other must all hold; OR, AND and NOT are words in capitals, - negates the term after it,
// and parentheses group. NOT binds stronger than AND, and AND stronger than OR.
//
//	laptop               any text property contains it, in any letter case
//	"two words"          the same, with blanks
//	serial:PF*           a property matches a pattern: name, user, serial, mac, ip, id; * stands for any text
//	check:NAME=STATE     a check, by name or id: pass, fail, unknown, held, exempt, grace or observe; != negates
//	outcome:fail         some check of the device has the outcome
//	held:yes             some check is held; the same with exempt, grace and observe
//	revoked:yes          revoked devices; a filter without revoked selects active devices only
//	score<40             the lowest score of any integration
//	age>10m              the age of the oldest of the newest scores; a device without a score is older than any age
//
// A filter has at most 2,000 bytes and 64 terms, 8 of them without a property.
package filter
