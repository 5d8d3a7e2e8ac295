// Package js holds the sources of the JavaScript SDK: the server bundles them for functions, and for pages and
// mini-programs that want the SDK as one file.
package js

import "embed"

// Sources are the SDK's CommonJS modules by path, such as "server/index.js".
//
//go:embed core server web miniprogram node cloudbase
var Sources embed.FS
