// Package e2e holds the tests of the whole product: a server with its real engine, bucket and Node.js runtime, asked
// over HTTP as strangers ask it. Most scenarios are requests as data, see exchange.
package e2e
