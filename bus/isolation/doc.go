// Package isolation has the tests of what keeps NATS accounts apart: that each import carries what it is for, and that a
// compromised role reaches nothing else.
package isolation
