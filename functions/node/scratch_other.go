//go:build !unix

package node

import (
	"fmt"
	"os"
)

// newScratch makes a temporary scratch folder. release lets go of it.
func newScratch() (dir string, release func(), err error) {
	if dir, err = os.MkdirTemp("", "yunduo-node-"); err != nil {
		return "", nil, fmt.Errorf("make the scratch folder: %w", err)
	}
	return dir, func() {}, nil
}
