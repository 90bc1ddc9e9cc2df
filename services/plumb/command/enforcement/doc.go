// Package enforcement has the commands about exemptions and about the account's observe switch.
package enforcement
