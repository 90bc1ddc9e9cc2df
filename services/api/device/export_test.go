package device

// RowsPerCommand is the number of rows in a command to the registry.
const RowsPerCommand = rowsPerCommand
