package driver

// Shared is a trait of an engine whose documents other processes change at the same time: nodes of a cluster on one
// database. Others have their documents to themselves as long as they are open.
type Shared interface {
	// Forget drops what the engine remembers of a collection, or of a whole app if the namespace names no collection,
	// because another node has made, dropped or changed it.
	Forget(ns Namespace)
}
