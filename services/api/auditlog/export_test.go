package auditlog

// Bounds of a list of changes.
const (
	DefaultPerPage = defaultPerPage
	MaxShown       = maxShown
)
