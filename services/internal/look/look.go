// Package look holds the colours, sizes and fonts of every page that Plumbline shows to people. The console and the
// gateway build their style sheets on them.
package look

import _ "embed"

// Tokens declares the custom properties of CSS, such as --text, for light and dark pages.
//
//go:embed tokens.css
var Tokens string
