// Package application has the screens of applications and their policies: the list, one application with its policies
// in order, the form of a policy with its rules, the policy tester, and the check of one user.
package application
