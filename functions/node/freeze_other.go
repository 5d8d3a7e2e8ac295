//go:build !unix

package node

import "os"

// freeze stops a process without ending it; thaw lets it go on. canFreeze says whether they work here.
const canFreeze = false

func freeze(*os.Process) {}
func thaw(*os.Process)   {}
