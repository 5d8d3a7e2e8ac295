package driver

import "yunduo"

// Resolve returns the length in bytes of the part of an object of size bytes that r names; range_invalid if r begins
// outside the object or is negative.
func (r Range) Resolve(size int64) (int64, error) {
	if r.Offset < 0 || r.Length < 0 || r.Offset > 0 && r.Offset >= size {
		return 0, yunduo.Errorf(yunduo.ReasonRangeInvalid, "the range of %d bytes from byte %d does not lie in the file, which has %d bytes", r.Length, r.Offset, size)
	}
	length := size - r.Offset
	if r.Length > 0 {
		length = min(length, r.Length)
	}
	return length, nil
}
