package query

// Paths returns the paths of all fields that decide whether a document matches; ok is false if others may, as with $expr,
// $jsonSchema and the order of $near.
func (f *Filter) Paths() (paths []string, ok bool) {
	if f == nil {
		return nil, true
	}
	if f.near != nil {
		return nil, false
	}
	return appendPaths(nil, f.root)
}

func appendPaths(paths []string, n node) ([]string, bool) {
	var list []node
	var ok bool
	switch n := n.(type) {
	case *pathNode:
		return append(paths, n.path.String()), true
	case notNode:
		return appendPaths(paths, n.child)
	case allNode:
		list = n
	case anyNode:
		list = n
	default:
		return nil, false
	}
	for _, child := range list {
		if paths, ok = appendPaths(paths, child); !ok {
			return nil, false
		}
	}
	return paths, true
}

// Paths returns the paths that the projection chooses, with _id if it is one of them; ok is false if it does something
// else than to choose fields.
func (p *Projection) Paths() (paths []string, ok bool) {
	if p == nil || !p.including {
		return nil, false
	}
	if p.id {
		paths = append(paths, "_id")
	}
	return p.root.appendPaths(paths)
}

func (s *shown) appendPaths(paths []string) ([]string, bool) {
	var ok bool
	for _, inside := range s.inside {
		switch {
		case inside.action == actionInclude:
			paths = append(paths, inside.path)
		case inside.action == actionExclude && inside.path == "_id":
		case inside.action != actionNone:
			return nil, false
		default:
			if paths, ok = inside.appendPaths(paths); !ok {
				return nil, false
			}
		}
	}
	return paths, true
}
