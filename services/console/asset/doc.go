// Package asset serves the console's style sheet, scripts and icon. They are embedded, have a hash of their content in
// their names, and are cached forever. htmx and its extension for server-sent events are vendored from the npm package
// htmx.org 4.0.1; vendor/LICENSE is their licence.
package asset
