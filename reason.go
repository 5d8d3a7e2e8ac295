package yunduo

// Code returns the class of the reason; unknown reasons are internal.
func (r Reason) Code() Code {
	if info, ok := reasons[r]; ok {
		return info.code
	}
	return CodeInternal
}

// Retryable reports whether the same request may succeed when sent again.
func (r Reason) Retryable() bool { return reasons[r].retryable }

// ErrCode returns the number that mini-program code compares with, such as -502005.
func (r Reason) ErrCode() int {
	if info, ok := reasons[r]; ok {
		return info.errCode
	}
	return reasons[ReasonInternal].errCode
}

// CloudBase returns the code text that the official CloudBase SDKs understand, such as DATABASE_COLLECTION_NOT_EXIST.
func (r Reason) CloudBase() string {
	if info, ok := reasons[r]; ok {
		return info.cloudbase
	}
	return reasons[ReasonInternal].cloudbase
}

// MongoCode returns the number under which MongoDB's tools know such an error, 0 if they know none.
func (r Reason) MongoCode() int { return reasons[r].mongodb }
