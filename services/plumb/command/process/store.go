package process

// storeFlags are the flags of the store, for the commands that create its streams. The variable log_default completes
// their help.
type storeFlags struct {
	LogMaxBytes int64 `help:"Size of the posture log at most, in bytes. Default: ${log_default}." placeholder:"BYTES"`
	AcceptLoss  bool  `help:"Start without the data that the store lost. Give it once, after a loss was reported."`
}
