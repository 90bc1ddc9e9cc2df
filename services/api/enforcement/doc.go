// Package enforcement serves what people decide about the outcomes of checks: the holds of breakers, the exemptions of
// devices, and the observe switch of the account.
//
// The evaluators decide every outcome. This package writes the records they follow: the HOLDS bucket, and the
// exemptions and the organization in CONFIG.
package enforcement
