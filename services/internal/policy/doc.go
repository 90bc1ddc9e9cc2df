// Package policy decides who is admitted to an application. It is pure: it is told what is known about a
// request ([Facts]) and answers with a [Decision] that carries a reason from a closed list.
//
// Policies are looked at in the order of contract.md 4.4: those with the decision bypass or non_identity
// (Service Auth) by precedence, then allow and deny by precedence. The first that holds decides. Where none
// holds nobody is admitted.
//
// A policy holds when one of its include rules holds, all of its require rules do, and none of its exclude
// rules does. Whether a rule holds may be unknown: because this build cannot evaluate its selector, because
// its body cannot be read, or because a fact is missing. What is unknown never admits: a policy that admits
// does not hold unless it holds whatever the answer would be, and a deny policy denies unless it would not
// hold whatever the answer would be. So an unknown rule counts as no in include and require and as yes in
// exclude, and the other way round in a deny policy. The decision then says which rule could not be
// evaluated.
//
// A selector is one file with one type, and one line in the table of selectors.
package policy
