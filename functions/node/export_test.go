package node

// Portable makes processes connect the way they do on systems that cannot hand over an open socket.
func Portable(o Options) Options {
	o.portable = true
	return o
}
