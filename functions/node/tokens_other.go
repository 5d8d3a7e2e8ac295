//go:build !unix

package node

import (
	"errors"
	"os"
)

// canShare says that processes may run several requests at once, because untouched ones can be taken back.
const canShare = false

// tokens do not exist here: every process runs one request at a time.
type tokens struct{ file *os.File }

func newTokens() (*tokens, error) { return nil, errors.ErrUnsupported }

func (t *tokens) started()     {}
func (t *tokens) put(int)      {}
func (t *tokens) takeAll() int { return 0 }
func (t *tokens) close()       {}
