package driver

// Brittle is a trait of an engine whose transactions end with the first operation that fails, as MongoDB's do. Others
// go on after a failure that is no conflict.
type Brittle interface {
	// FailureEndsTransaction does nothing but say so.
	FailureEndsTransaction()
}
