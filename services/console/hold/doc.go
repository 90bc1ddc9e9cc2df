// Package hold is the screen of what keeps outcomes from being enforced: the holds of breakers, exemptions, and the
// account's observe switch.
package hold
