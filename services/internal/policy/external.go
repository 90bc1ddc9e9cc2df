package policy

// Evaluation is a question to a service of the operator's: whether a person is to be let in (contract.md
// 4.3, external_evaluation). Asking it is not for this package.
type Evaluation struct {
	EvaluateURL string // where the question goes
	KeysURL     string // where the keys are that sign the answer
}
