// Package policy decides who is admitted to an application. It is pure: it is told what is known about a
// request ([Facts]) and answers with a [Decision] that carries a reason from a closed list.
//
// Policies are looked at in the order of api/README.md 4.4: those with the decision bypass or non_identity
// (Service Auth) by precedence, then allow and deny by precedence. The first that holds decides. Where none
// holds nobody is admitted.
//
// A policy holds when one of its include rules holds, all of its require rules do, and none of its exclude
// rules does; a group, which is a rule itself, holds in the same way. Whether a rule holds may be unknown:
// because this build cannot evaluate its selector, because its body cannot be read, because its group is
// missing or contains itself, or because a fact is missing. What is unknown never admits: a policy that
// admits does not hold unless it holds whatever the answer would be, and a deny policy denies unless it
// would not hold whatever the answer would be. So an unknown rule counts as no in include and require and
// as yes in exclude, and the other way round in a deny policy.
//
// An Allow policy holds for nobody who is not logged in: the decision is then that a login is required,
// whatever its rules are, a service token's among them. A Bypass policy cannot ask who somebody is: a
// selector of people in it, or in a group that it leads to, is a rule that cannot be evaluated.
//
// A refusal names what stands in the way, where one thing or the other alone does: were it out of the way
// the policy would do the other thing. Of several that all are in the way the one is named that is hardest to
// move, and of several of which each would do, or of several policies, the one that is of most use to
// whoever is refused: a login that may help, a check that the device fails, one without a result, a device
// that is not known, a certificate, a service token, an answer that did not come, then what is wrong with
// the configuration. See [Decision] for what is named of it.
//
// Each selector has one file, which registers it.
package policy
