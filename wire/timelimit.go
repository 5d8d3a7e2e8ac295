package wire

// TimeLimited is a request whose sender may say how long it may take.
type TimeLimited interface {
	// TimeLimit returns milliseconds, 0 if nothing was said, and whether the request only reads.
	TimeLimit() (ms int64, reads bool)
}

// TimeLimit is how long the request may take.
func (r *FindRequest) TimeLimit() (int64, bool) { return r.MaxTimeMS, true }

// TimeLimit is how long the request may take.
func (r *CountRequest) TimeLimit() (int64, bool) { return r.MaxTimeMS, true }

// TimeLimit is how long the request may take.
func (r *AggregateRequest) TimeLimit() (int64, bool) { return r.MaxTimeMS, true }

// TimeLimit is how long the request may take.
func (r *ExplainRequest) TimeLimit() (int64, bool) { return r.MaxTimeMS, true }

// TimeLimit is how long the request may take.
func (r *UpdateRequest) TimeLimit() (int64, bool) { return r.MaxTimeMS, false }

// TimeLimit is how long the request may take.
func (r *DeleteRequest) TimeLimit() (int64, bool) { return r.MaxTimeMS, false }

// TimeLimit is how long the request may take.
func (r *FindAndUpdateRequest) TimeLimit() (int64, bool) { return r.MaxTimeMS, false }

// TimeLimit is how long the request may take.
func (r *FindAndDeleteRequest) TimeLimit() (int64, bool) { return r.MaxTimeMS, false }
