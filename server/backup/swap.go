package backup

import (
	"errors"
	"os"
)

// swap moves dir aside and fresh into its place. Between the two there is no dir; who finds that has both under their
// other names.
func swap(fresh, dir, aside string) error {
	if err := os.Rename(dir, aside); err != nil {
		return err
	}
	if err := os.Rename(fresh, dir); err != nil {
		return errors.Join(err, os.Rename(aside, dir))
	}
	return nil
}
