//go:build !linux

package backup

// exchange puts fresh in the place of dir, and dir aside.
func exchange(fresh, dir, aside string) error { return swap(fresh, dir, aside) }
