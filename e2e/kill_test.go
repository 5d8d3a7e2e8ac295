package e2e_test

func serveChild(dir string) int { _ = dir; return 1 }
